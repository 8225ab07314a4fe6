/* waves.c — reads --wave. Refuses what hosts would read otherwise than it is written: shares that fall, host ids that are
 * none, windows that end before they begin. Called by the rollout commands. */
#include "server-stub/ctl/waves.h"

#include <stdlib.h>
#include <string.h>

#include "certs/hostid.h"
#include "proto/clock.h"
#include "server-stub/ctl/args.h"

#define YEAR (366 * 86400) /* what a document may say: opens within one, closes within two */

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

/* LEN bytes of TEXT as a duration. */
static int duration(const char *text, size_t len, int64_t *ret, struct fault *f)
{
	char copy[32];

	if (len >= sizeof copy)
		return fault_set(f, KE_USAGE, NULL, NULL, "'%.40s' is no duration", text);
	memcpy(copy, text, len);
	copy[len] = '\0';
	return args_duration(copy, ret, f);
}

/* "@1h" or "@1h..7d" behind the wave; P is at the '@' or at the end. */
static int window(const char *p, const struct rollout *r, struct rollout_wave *w, struct fault *f)
{
	int rc = KE_OK;

	w->opens_after = r->n_waves ? r->waves[r->n_waves - 1].opens_after : 0;
	if (*p == '@') {
		const char *to = strstr(++p, "..");
		rc = duration(p, to ? (size_t)(to - p) : strlen(p), &w->opens_after, f);
		if (!rc && to)
			rc = duration(to + 2, strlen(to + 2), &w->opens_before, f);
	}
	if (!rc && !w->opens_before)
		w->opens_before =
		        WAVES_OPEN_FOR > w->opens_after ? WAVES_OPEN_FOR : w->opens_after + WAVES_OPEN_FOR;
	if (!rc && (w->opens_after > YEAR || w->opens_before > 2 * YEAR))
		rc = fault_set(f, KE_RANGE, NULL, NULL, "a wave opens within a year and closes within two");
	if (!rc && w->opens_before <= w->opens_after)
		rc = fault_set(f, KE_RANGE, NULL, NULL, "it would close before it opens");
	if (!rc && r->n_waves && w->opens_after < r->waves[r->n_waves - 1].opens_after)
		rc = fault_set(f, KE_RANGE, NULL, NULL, "it would open before the wave in front of it");
	return rc;
}

static int canary_add(struct rollout_wave *w, const char *id, size_t len, struct fault *f)
{
	char *copy = strndup(id, len);
	int rc = copy ? hostid_check("host", copy, f) : no_memory(f);

	for (size_t i = 0; i < w->n_canaries && !rc; i++)
		if (strcmp(w->canaries[i], copy) == 0)
			rc = fault_set(f, KE_DUPLICATE, NULL, NULL, "host '%.63s' is named twice", copy);
	if (!rc && w->n_canaries == ROLLOUT_MAX_CANARIES)
		rc = fault_set(f, KE_RANGE, NULL, NULL, "more than %d canaries", ROLLOUT_MAX_CANARIES);
	char **more = rc ? NULL : realloc(w->canaries, (w->n_canaries + 1) * sizeof *more);
	if (!more) {
		free(copy);
		return rc ? rc : no_memory(f);
	}
	w->canaries = more;
	w->canaries[w->n_canaries++] = copy;
	return KE_OK;
}

static int canaries(const char **text, struct rollout_wave *w, struct fault *f)
{
	int rc = KE_OK;

	for (const char *p = *text; !rc;) {
		size_t len = strcspn(p, ",@");
		rc = canary_add(w, p, len, f);
		p += len;
		*text = p;
		if (*p != ',')
			break;
		p++;
	}
	return rc;
}

/* "20%" or "0.5%" as per mille; whole per milles only. */
static int share(const char **text, int64_t *ret, struct fault *f)
{
	const char *p = *text;
	int64_t n = 0;
	size_t digits = strspn(p, "0123456789");

	if (digits && digits <= 3) {
		for (; *p >= '0' && *p <= '9'; p++)
			n = n * 10 + (*p - '0');
		n *= 10;
		if (p[0] == '.' && p[1] >= '0' && p[1] <= '9') {
			n += p[1] - '0';
			p += 2;
		}
	}
	if (!digits || *p != '%' || n < 1 || n > ROLLOUT_SHARE_ALL)
		return fault_set(f, KE_USAGE, NULL,
		        "write canary=ID,... or PERCENT%, each with @AFTER[..BEFORE]", "'%.80s' is no wave",
		        *text);
	*text = p + 1;
	*ret = n;
	return KE_OK;
}

static int64_t last_share(const struct rollout *r)
{
	return r->n_waves ? r->waves[r->n_waves - 1].share : 0;
}

static int append(struct rollout *r, const struct rollout_wave *w, struct fault *f)
{
	struct rollout_wave *more = realloc(r->waves, (r->n_waves + 1) * sizeof *more);

	if (!more)
		return no_memory(f);
	r->waves = more;
	r->waves[r->n_waves++] = *w;
	return KE_OK;
}

int waves_add(struct rollout *r, const char *text, struct fault *f)
{
	struct rollout_wave w = { 0 };
	const char *p = text;
	int rc = KE_OK;

	if (r->n_waves == ROLLOUT_MAX_WAVES)
		return fault_set(f, KE_RANGE, NULL, NULL, "more than %d waves", ROLLOUT_MAX_WAVES);
	if (strncmp(p, "canary=", 7) == 0) {
		p += 7;
		rc = canaries(&p, &w, f);
		if (!rc && r->n_waves)
			rc = fault_set(f, KE_RANGE, NULL, "name them all in the first wave",
			        "canaries behind another wave");
	} else {
		rc = share(&p, &w.share, f);
		if (!rc && w.share <= last_share(r))
			rc = fault_set(f, KE_RANGE, NULL,
			        "shares are of all hosts and add up by themselves: 5%, 20%, 100%",
			        "is no more than the wave before");
	}
	if (!rc && *p && *p != '@')
		rc = fault_set(f, KE_USAGE, NULL, NULL, "'%.40s' is too much", p);
	if (!rc)
		rc = window(p, r, &w, f);
	if (!rc)
		rc = append(r, &w, f);
	if (rc) {
		for (size_t i = 0; i < w.n_canaries; i++)
			free(w.canaries[i]);
		free(w.canaries);
		fault_at(f, "--wave %.80s", text);
	}
	return rc;
}

int waves_default(struct rollout *r, struct fault *f)
{
	const struct rollout_wave all = { .share = ROLLOUT_SHARE_ALL, .opens_before = WAVES_OPEN_FOR };

	return r->n_waves ? KE_OK : append(r, &all, f);
}

void waves_text(const struct rollout *r, struct buf *out)
{
	char from[TIME_TEXT_ROOM], to[TIME_TEXT_ROOM];
	int64_t before = 0;

	if (r->standing)
		buf_str(out, "every selected host, at once and from now on\n");
	for (size_t i = 0; i < r->n_waves; i++) {
		const struct rollout_wave *w = &r->waves[i];
		buf_fmt(out, "wave %zu  opens %s, closes %s: ", i + 1,
		        time_format(r->start + w->opens_after, from),
		        time_format(r->start + w->opens_before, to));
		for (size_t k = 0; k < w->n_canaries; k++)
			buf_fmt(out, "%s%s", k ? ", " : "hosts ", w->canaries[k]);
		if (w->share && w->share < ROLLOUT_SHARE_ALL)
			buf_fmt(out, "%lld.%lld %% of the hosts (places %lld to %lld of 0 to 999)",
			        (long long)(w->share - before) / 10, (long long)(w->share - before) % 10,
			        (long long)before, (long long)w->share - 1);
		else if (w->share)
			buf_str(out, before ? "all other hosts" : "all hosts");
		before = w->share ? w->share : before;
		buf_char(out, '\n');
	}
	if (r->n_waves && last_share(r) < ROLLOUT_SHARE_ALL)
		buf_fmt(out, "no wave holds the other hosts: they wait for a later serial\n");
}
