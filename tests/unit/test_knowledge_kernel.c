/* What the knowledge base says of a key against the kernel that runs, in a network namespace of the test's own: the key is there, its
 * default is what a fresh namespace holds, the kernel takes both bounds and gives them back in the form that is expected, and it refuses
 * what lies beyond a bound that is the kernel's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/facts.h"
#include "agent/engine/procsys.h"
#include "tests/support/fault_tree.h"

#define MEASURED                                                                                             \
	KERNEL(6, 18) /* the kernel that the facts were measured on; other kernels may have other defaults */

/* Kept in the kernel's ticks, so that the bounds hang on HZ, which nobody can ask for. The knowledge base has the widest, those of HZ
 * 100; here stand the narrowest, of HZ 1000, which every kernel takes. */
static const struct {
	const char *path;
	int64_t min, max;
} ticks[] = {
	{ "net/ipv4/tcp_fin_timeout", -2147483, 2147483 },
	{ "net/ipv4/tcp_keepalive_intvl", -2147483, 2147483 },
	{ "net/ipv4/tcp_keepalive_time", -2147483, 2147483 }, { "net/ipv4/tcp_probe_interval", 0, 4294967 },
	{ "net/ipv4/tcp_invalid_ratelimit", 0,
	        2147482000 }, /* a multiple of every tick: others are rounded up */
};

/* Bounds that depend on another key's value; they are taken as far as that one allows. */
static const char *const related[] = { "net/ipv4/ip_unprivileged_port_start", "net/ipv4/tcp_reordering",
	NULL };
/* Defaults that a new namespace copies from the machine's own, where somebody may have set them. */
static const char *const copied[] = { "net/ipv4/conf/", "net/ipv4/tcp_rmem", "net/ipv4/tcp_wmem",
	"net/ipv4/tcp_congestion_control", "net/ipv6/conf/", NULL };

static bool begins_with_one_of(const char *path, const char *const *list)
{
	for (; *list; list++)
		if (strncmp(path, *list, strlen(*list)) == 0)
			return true;
	return false;
}

/* The name to be tried for K: a pattern stands for the loopback interface. */
static struct name name_for(const struct knob *k)
{
	char text[NAME_MAX_LEN + 1];
	const char *star = strchr(k->path, '*');

	if (star)
		snprintf(text, sizeof text, "%.*slo%s", (int)(star - k->path), k->path, star + 1);
	else
		snprintf(text, sizeof text, "%s", k->path);
	return name_of(text);
}

static bool to_be_tried(const struct knob *k, uint32_t kernel)
{
	return k->scope == KNOB_NETNS && !k->read_only && k->danger == KNOB_PLAIN && !knob_module(k) &&
	       k->added <= kernel && !(k->removed && k->removed <= kernel);
}

/* What the kernel makes of TEXT: 0 and what it holds then (free()), or an errno value. */
static int write_read(
        struct procsys *ps, const struct knob *k, const struct name *n, const char *text, char **ret)
{
	struct procsys_key key;
	const char *raw;
	size_t len;

	*ret = NULL;
	int err = procsys_key_open(ps, n, PROCSYS_WRITE, &key);
	if (err)
		return err;
	err = procsys_key_write(&key, text, strlen(text));
	int rerr = procsys_key_read(&key, &raw, &len);
	if (!rerr)
		assert_int_equal(value_observed(&k->shape, raw, len, ret), 0);
	procsys_key_close(&key);
	return err ? err : rerr;
}

struct tally {
	unsigned keys, defaults, bounds, refused, wrong;
};

#define WRONG(t, ...) (print_message(__VA_ARGS__), (t)->wrong++)

static void try_default(
        struct procsys *ps, const struct knob *k, const struct name *n, uint32_t kernel, struct tally *t)
{
	const char *raw, *initial = knowledge_doc(k).initial;
	char *now = NULL, *again = NULL, was[4096];
	size_t len;

	int err = procsys_read(ps, n, &raw, &len);
	if (err) {
		WRONG(t, "%s: is not there: %s\n", n->path, strerror(err));
		return;
	}
	snprintf(was, sizeof was, "%.*s", (int)len, raw);
	t->keys++;
	assert_int_equal(value_observed(&k->shape, was, strlen(was), &now), 0);
	if (initial && kernel == MEASURED && !begins_with_one_of(n->path, copied)) {
		t->defaults++;
		if (strcmp(initial, now) != 0)
			WRONG(t, "%s: holds '%s', its default is said to be '%s'\n", n->path, now, initial);
	}
	/* What it printed it takes, and prints again. */
	if (*was && ((err = write_read(ps, k, n, was, &again)) || strcmp(again, now) != 0))
		WRONG(t, "%s: its own text '%s' comes back as '%s' (%s)\n", n->path, was, again ? again : "",
		        strerror(err));
	free(again);
	free(now);
}

static void try_bound(struct procsys *ps, const struct knob *k, const struct name *n, int64_t bound,
        int64_t beyond, struct tally *t)
{
	char text[32], *wanted = NULL, *got = NULL;
	struct fault f;

	snprintf(text, sizeof text, "%lld", (long long)bound);
	if (value_wanted(&k->shape, text, strlen(text), &wanted, &f))
		return; /* rounding would leave the bound */
	int err = write_read(ps, k, n, text, &got);
	if (err || strcmp(got, wanted) != 0)
		WRONG(t, "%s: %s should be taken and read back as %s; it is '%s' (%s)\n", n->path, text,
		        wanted, got ? got : "", strerror(err));
	t->bounds++;
	free(got);
	free(wanted);
	/* Many keys are plain numbers to the kernel, and the bound is ours. */
	snprintf(text, sizeof text, "%lld", (long long)beyond);
	t->refused += write_read(ps, k, n, text, &got) == EINVAL;
	free(got);
}

/* The bounds that this kernel has to take. */
static void bounds_of(const struct knob *k, uint32_t kernel, int64_t *ret_min, int64_t *ret_max)
{
	*ret_min = k->shape.min;
	*ret_max = k->shape.max;
	for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++)
		if (strcmp(k->path, ticks[i].path) == 0) {
			*ret_min = ticks[i].min;
			*ret_max = ticks[i].max;
		}
	/* The rest came with accurate ECN. */
	if (strcmp(k->path, "net/ipv4/tcp_ecn") == 0 && kernel <= KERNEL(6, 18))
		*ret_max = 2;
}

static void the_kernel_agrees(void **state)
{
	struct procsys *ps = NULL;
	struct fault f = { 0 };
	struct tally t = { 0 };
	uint32_t kernel;
	size_t n;
	const struct knob *all = knowledge_all(&n);
	(void)state;

	if (netns_enter())
		skip();
	assert_int_equal(facts_kernel(&kernel), 0);
	assert_int_equal(procsys_open(PROCSYS_ROOT, PROCSYS_KERNEL, &ps, &f), 0);
	for (size_t i = 0; i < n; i++)
		if (to_be_tried(&all[i], kernel)) {
			struct name name = name_for(&all[i]);
			try_default(ps, &all[i], &name, kernel, &t);
		}
	for (size_t i = 0; i < n; i++) {
		const struct knob *k = &all[i];
		if (!to_be_tried(k, kernel) || k->shape.type != VALUE_INT ||
		        begins_with_one_of(k->path, related))
			continue;
		struct name name = name_for(k);
		int64_t min, max;
		bounds_of(k, kernel, &min, &max);
		if (k->shape.has_min)
			try_bound(ps, k, &name, min, k->shape.min - 1, &t);
		if (k->shape.has_max)
			try_bound(ps, k, &name, max, k->shape.max + 1, &t);
	}
	print_message("%u keys, %u defaults compared, %u bounds taken, %u times refused beyond\n", t.keys,
	        t.defaults, t.bounds, t.refused);
	procsys_close(ps);
	if (kernel == MEASURED)
		assert_int_equal(t.wrong, 0);
	else if (t.wrong)
		print_message("%u differences on a kernel that nobody has measured yet\n", t.wrong);
	assert_true(t.keys > 80 && t.bounds > 80 && t.refused > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_agrees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
