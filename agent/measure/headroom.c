/* The port model: how much of a path's ephemeral ports is gone, and when the rest will be.
 *
 * A closed connection keeps its port for 60 s of TIME_WAIT, a constant of the kernel; so a path bears (capacity - live)
 * / 60 closes a second. Where tcp_tw_reuse applies, connect() may take an entry over once it is older than a delay, and
 * 60 s become that delay. Whether the old connection used timestamps, which reuse needs, is not visible from outside;
 * it is inferred from the setting in force. Called by sockets_measure(); pure.
 */
#include "agent/measure/headroom.h"

#define TIME_WAIT_S 60

bool headroom_reuse_applies(const struct headroom_input *in)
{
	if (in->timestamps == 0)
		return false;
	return in->tw_reuse == 1 || (in->tw_reuse == 2 && in->loopback);
}

int64_t headroom_growth_milli(uint32_t before, uint32_t after, int64_t dt_ms)
{
	/* |difference| < 2^32, times 10^6 < 2^52 */
	return ((int64_t)after - before) * 1000000 / dt_ms;
}

static enum headroom_grade grade_of(const struct headroom *h)
{
	uint64_t taken = (uint64_t)(h->capacity - h->free) * 100, whole = h->capacity;
	if (h->capacity == 0 || taken >= whole * 95 || (h->exhausted_in_s >= 0 && h->exhausted_in_s < 60))
		return HEADROOM_CRITICAL;
	if (taken >= whole * 80)
		return HEADROOM_TIGHT;
	return taken >= whole * 50 ? HEADROOM_SLOW : HEADROOM_OK;
}

void headroom_compute(const struct headroom_input *in, struct headroom *ret)
{
	struct headroom h = { .used = in->used, .exhausted_in_s = -1 };
	uint32_t size = (uint32_t)(in->high - in->low + 1);
	uint64_t lost = (uint64_t)in->reserved + in->bound;
	h.capacity = lost < size ? size - (uint32_t)lost : 0;
	bool reuse = headroom_reuse_applies(in);
	if (reuse)
		h.reusable = in->aged < in->used ? in->aged : in->used;
	/* Programs that choose their port themselves can use more than the kernel would hand out. */
	uint32_t taken = h.used - h.reusable;
	h.free = taken < h.capacity ? h.capacity - taken : 0;
	h.permille = h.capacity ? (uint32_t)((uint64_t)(h.capacity - h.free) * 1000 / h.capacity) : 1000;

	uint32_t closing = in->live < h.capacity ? h.capacity - in->live : 0;
	uint32_t delay_ms = in->reuse_delay_ms ? in->reuse_delay_ms : 1;
	uint64_t with_reuse = (uint64_t)closing * 1000 / delay_ms;
	h.sustainable_without_reuse = closing / TIME_WAIT_S;
	h.sustainable = h.sustainable_without_reuse;
	if (reuse && with_reuse > h.sustainable)
		h.sustainable = with_reuse > UINT32_MAX ? UINT32_MAX : (uint32_t)with_reuse;

	if (in->growth_known && in->growth_milli > 0)
		h.exhausted_in_s = (int64_t)h.free * 1000 / in->growth_milli;
	h.grade = grade_of(&h);
	*ret = h;
}

const char *headroom_grade_name(enum headroom_grade grade)
{
	static const char *const names[] = { [HEADROOM_OK] = "ok",
		[HEADROOM_SLOW] = "slow",
		[HEADROOM_TIGHT] = "tight",
		[HEADROOM_CRITICAL] = "critical" };
	return names[grade];
}
