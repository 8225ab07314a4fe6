/* The kernel's settings for ephemeral ports.
 *
 * Port lists are bit sets, so that "range minus reserved minus listening" is counting bits. Texts are what the kernel
 * prints; anything else is refused. Called by sockets_measure().
 */
#include <stdio.h>
#include <string.h>

#include "agent/measure/ports.h"
#include "proto/fileio.h"

#define TEXT_MAX 524288 /* every second port as a list: 32768 numbers of at most 6 bytes */

void port_set_add(struct port_set *s, uint16_t port)
{
	s->w[port / 64] |= 1ULL << port % 64;
}

/* The bits of word I that lie between LOW and HIGH. */
static uint64_t word_mask(unsigned i, uint16_t low, uint16_t high)
{
	uint64_t mask = UINT64_MAX;
	if (i == low / 64U)
		mask &= UINT64_MAX << low % 64;
	if (i == high / 64U)
		mask &= UINT64_MAX >> (63 - high % 64);
	return mask;
}

uint32_t port_set_count_without(
        const struct port_set *a, const struct port_set *b, uint16_t low, uint16_t high)
{
	uint32_t n = 0;
	for (unsigned i = low / 64U; low <= high && i <= high / 64U; i++) {
		uint64_t w = b ? a->w[i] & ~b->w[i] : a->w[i];
		n += (uint32_t)__builtin_popcountll(w & word_mask(i, low, high));
	}
	return n;
}

uint32_t port_set_count(const struct port_set *s, uint16_t low, uint16_t high)
{
	return port_set_count_without(s, NULL, low, high);
}

/* A decimal number of at most MAX at *AT, which moves behind it. */
static bool number_parse(const char **at, const char *end, int64_t max, int64_t *ret)
{
	int64_t n = 0;
	const char *p = *at;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (*p - '0');
		if (n > max)
			return false;
	}
	if (p == *at)
		return false;
	*at = p;
	*ret = n;
	return true;
}

static void blanks_skip(const char **at, const char *end)
{
	while (*at < end && (**at == ' ' || **at == '\t' || **at == '\n'))
		++*at;
}

int ports_parse_range(const char *text, size_t len, uint16_t *ret_low, uint16_t *ret_high)
{
	const char *at = text, *end = text + len;
	int64_t low, high;
	blanks_skip(&at, end);
	if (!number_parse(&at, end, 65535, &low))
		return KE_SYNTAX;
	blanks_skip(&at, end);
	if (!number_parse(&at, end, 65535, &high))
		return KE_SYNTAX;
	blanks_skip(&at, end);
	if (at != end)
		return KE_SYNTAX;
	if (low < 1 || low > high)
		return KE_RANGE;
	*ret_low = (uint16_t)low;
	*ret_high = (uint16_t)high;
	return 0;
}

int ports_parse_list(const char *text, size_t len, struct port_set *ret)
{
	struct port_set set = { 0 };
	const char *at = text, *end = text + len;
	blanks_skip(&at, end);
	while (at < end) {
		int64_t low, high;
		if (!number_parse(&at, end, 65535, &low))
			return KE_SYNTAX;
		high = low;
		if (at < end && *at == '-') {
			at++;
			if (!number_parse(&at, end, 65535, &high) || high < low)
				return KE_SYNTAX;
		}
		for (int64_t port = low; port <= high; port++)
			port_set_add(&set, (uint16_t)port);
		if (at < end && *at == ',') {
			at++;
			if (at == end || *at == '\n')
				return KE_SYNTAX;
			continue;
		}
		blanks_skip(&at, end);
		if (at != end)
			return KE_SYNTAX;
	}
	*ret = set;
	return 0;
}

static int key_read(const char *root, const char *key, char **ret, size_t *ret_len, struct fault *f)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/net/ipv4/%s", root, key);
	if (n < 0 || (size_t)n >= sizeof path)
		return fault_set(f, KE_TOOBIG, root, NULL, "path is too long");
	return file_read(path, TEXT_MAX, ret, ret_len, f);
}

/* One number of at least 0; -1 when the key is missing, unreadable, or something else. */
static int64_t key_number(const char *root, const char *key)
{
	char *text;
	size_t len;
	int64_t n = -1;
	if (key_read(root, key, &text, &len, NULL))
		return -1;
	const char *at = text, *end = text + len;
	if (number_parse(&at, end, INT32_MAX, &n)) {
		blanks_skip(&at, end);
		if (at != end)
			n = -1;
	}
	file_free(text);
	return n;
}

int ports_read(const char *root, struct ports *ret, struct fault *f)
{
	uint16_t low, high;
	char *text;
	size_t len;
	int rc = key_read(root, "ip_local_port_range", &text, &len, f);
	if (rc)
		return rc;
	rc = ports_parse_range(text, len, &low, &high);
	file_free(text);
	if (rc)
		return fault_set(f, rc, "net.ipv4.ip_local_port_range", NULL, "not a range of ports");
	struct port_set reserved = { 0 };
	if (key_read(root, "ip_local_reserved_ports", &text, &len, NULL) == 0) {
		rc = ports_parse_list(text, len, &reserved);
		file_free(text);
		if (rc)
			return fault_set(
			        f, rc, "net.ipv4.ip_local_reserved_ports", NULL, "not a list of ports");
	}
	ret->low = low;
	ret->high = high;
	ret->reserved = reserved;
	ret->tw_reuse = (int)key_number(root, "tcp_tw_reuse");
	ret->tw_reuse_delay_ms = (int)key_number(root, "tcp_tw_reuse_delay");
	ret->timestamps = (int)key_number(root, "tcp_timestamps");
	ret->max_tw_buckets = key_number(root, "tcp_max_tw_buckets");
	return 0;
}

uint32_t ports_reuse_delay_ms(const struct ports *p)
{
	return p->tw_reuse_delay_ms >= 0 ? (uint32_t)p->tw_reuse_delay_ms : 1000;
}
