/* The transaction on the kernel, in a network namespace: what it refuses, stores differently or changes along. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/engine_world.h"

static const char *kernel_get(struct world *w, const char *key)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", PROCSYS_ROOT, key);
	return file_get(&w->t, path);
}

static void kernel_put(const char *key, const char *value)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", PROCSYS_ROOT, key);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, value, strlen(value)), (ssize_t)strlen(value));
	close(fd);
}

/* EINVAL, and yet the kernel has taken the first two numbers. */
static void half_a_vector_goes_back_on_the_kernel(void **state)
{
	static const struct row rows[] = { { "net.ipv4.tcp_fin_timeout", "30" },
		{ "net.ipv4.tcp_rmem", "4096 131072 16777216" }, { NULL, NULL } };
	struct world w;
	char before[64];
	(void)state;

	if (netns_enter())
		skip();
	world_open(&w, rows, true);
	snprintf(before, sizeof before, "%.60s", kernel_get(&w, "net/ipv4/tcp_rmem"));
	policy_force(w.policy, 1, "6000 150000 0");
	assert_int_equal(run(&w, NULL), KE_REFUSED);
	assert_int_equal(w.plan->keys[1].outcome, OUTCOME_REFUSED);
	assert_int_equal(w.plan->keys[1].err, EINVAL);
	assert_int_equal(strncmp(w.plan->keys[1].got, "6000 ", 5), 0); /* it did change */
	assert_string_equal(kernel_get(&w, "net/ipv4/tcp_rmem"), before);
	assert_string_equal(kernel_get(&w, "net/ipv4/tcp_fin_timeout"), "60");
	world_close(&w);
}

static void another_value_than_asked_on_the_kernel(void **state)
{
	static const struct row rows[] = { { "net.ipv4.tcp_fin_timeout", "30" }, { "net.ipv4.tcp_sack", "0" },
		{ NULL, NULL } };
	struct world w;
	(void)state;

	if (netns_enter())
		skip();
	world_open(&w, rows, true);
	policy_force(w.policy, 0, "010");
	assert_int_equal(run(&w, NULL), KE_READBACK);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_MISMATCH);
	assert_string_equal(w.plan->keys[0].got, "8");
	assert_string_equal(kernel_get(&w, "net/ipv4/tcp_fin_timeout"), "60");
	assert_string_equal(kernel_get(&w, "net/ipv4/tcp_sack"), "1");
	world_close(&w);
}

/* ip_forward flips conf/X/forwarding; a setting that wants one of these otherwise holds, and the way back restores all. */
static void coupled_keys_on_the_kernel(void **state)
{
	static const struct row rows[] = { { "net.ipv4.conf.lo.forwarding", "0" },
		{ "net.ipv4.ip_forward", "1" }, { "net.ipv4.tcp_fin_timeout", "30" }, { NULL, NULL } };
	struct world w;
	struct revert_report r;
	(void)state;

	if (netns_enter())
		skip();
	world_open(&w, rows, true);
	kernel_put("net/ipv4/ip_forward", "0");
	kernel_put("net/ipv4/conf/default/forwarding", "1"); /* an odd one out, to be found again */
	assert_int_equal(run(&w, NULL), 0);
	assert_string_equal(kernel_get(&w, "net/ipv4/ip_forward"), "1");
	assert_string_equal(kernel_get(&w, "net/ipv4/conf/lo/forwarding"), "0");
	assert_string_equal(kernel_get(&w, "net/ipv4/conf/all/forwarding"), "1");
	assert_int_equal(apply_revert(w.e, &r, &w.f), 0);
	revert_report_clear(&r);
	assert_string_equal(kernel_get(&w, "net/ipv4/ip_forward"), "0");
	assert_string_equal(kernel_get(&w, "net/ipv4/conf/all/forwarding"), "0");
	assert_string_equal(kernel_get(&w, "net/ipv4/conf/default/forwarding"), "1");
	assert_string_equal(kernel_get(&w, "net/ipv4/conf/all/accept_redirects"), "1");
	/* And the same by rollback. */
	policy_force(w.policy, 2, "x");
	assert_int_equal(run(&w, NULL), KE_REFUSED);
	assert_string_equal(kernel_get(&w, "net/ipv4/ip_forward"), "0");
	assert_string_equal(kernel_get(&w, "net/ipv4/conf/default/forwarding"), "1");
	assert_string_equal(kernel_get(&w, "net/ipv4/conf/all/accept_redirects"), "1");
	world_close(&w);
}

/* The pair that bounds each other, up and down again. */
static void port_pair_on_the_kernel(void **state)
{
	static const struct row up[] = { { "net.ipv4.ip_unprivileged_port_start", "40000" },
		{ "net.ipv4.ip_local_port_range", "50000 60000" }, { NULL, NULL } };
	static const struct row down[] = { { "net.ipv4.ip_local_port_range", "10000 30000" },
		{ "net.ipv4.ip_unprivileged_port_start", "1000" }, { NULL, NULL } };
	struct world w;
	struct revert_report r;
	(void)state;

	if (netns_enter())
		skip();
	world_open(&w, up, true);
	assert_int_equal(run(&w, NULL), 0);
	assert_string_equal(kernel_get(&w, "net/ipv4/ip_local_port_range"), "50000\t60000");
	policy_free(w.policy);
	plan_free(w.plan);
	w.plan = NULL;
	w.policy = policy_of(down);
	assert_int_equal(run(&w, NULL), 0);
	assert_string_equal(kernel_get(&w, "net/ipv4/ip_local_port_range"), "10000\t30000");
	assert_string_equal(kernel_get(&w, "net/ipv4/ip_unprivileged_port_start"), "1000");
	assert_int_equal(apply_revert(w.e, &r, &w.f), 0);
	revert_report_clear(&r);
	assert_string_equal(kernel_get(&w, "net/ipv4/ip_local_port_range"), "32768\t60999");
	assert_string_equal(kernel_get(&w, "net/ipv4/ip_unprivileged_port_start"), "1024");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_a_vector_goes_back_on_the_kernel),
		cmocka_unit_test(another_value_than_asked_on_the_kernel),
		cmocka_unit_test(coupled_keys_on_the_kernel),
		cmocka_unit_test(port_pair_on_the_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
