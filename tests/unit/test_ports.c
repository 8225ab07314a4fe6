/* Ranges, lists and a made-up sysctl tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/measure/ports.h"
#include "proto/fileio.h"

static void ranges(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
		uint16_t low, high;
		const char *remark;
	} rows[] = {
		{ "32768\t60999\n", 0, 32768, 60999, "as the kernel prints it" },
		{ "1 65535", 0, 1, 65535, "the extremes" },
		{ "5000\t5000\n", 0, 5000, 5000, "one port" },
		{ "", KE_SYNTAX, 0, 0, "nothing" },
		{ "32768\n", KE_SYNTAX, 0, 0, "half of it" },
		{ "1 2 3\n", KE_SYNTAX, 0, 0, "too much" },
		{ "1-2\n", KE_SYNTAX, 0, 0, "a list, no pair" },
		{ "0 100\n", KE_RANGE, 0, 0, "port 0 is no port" },
		{ "100 99\n", KE_RANGE, 0, 0, "backwards" },
		{ "1 65536\n", KE_SYNTAX, 0, 0, "no such port" },
		{ "1 99999999999999999999\n", KE_SYNTAX, 0, 0, "no overflow" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint16_t low = 7, high = 7;
		int rc = ports_parse_range(rows[i].text, strlen(rows[i].text), &low, &high);
		if (rc != rows[i].rc || low != (rc ? 7 : rows[i].low) || high != (rc ? 7 : rows[i].high))
			fail_msg("%s: %d, %u-%u", rows[i].remark, rc, low, high);
	}
}

static void lists(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
		uint32_t count, in_range, has;
		const char *remark;
	} rows[] = {
		{ "\n", 0, 0, 0, 1, "empty, the default" },
		{ "", 0, 0, 0, 1, "no byte at all" },
		{ "8080\n", 0, 1, 0, 8080, "one" },
		{ "8080,9148\n", 0, 2, 0, 9148, "two" },
		{ "30000-40000,50000\n", 0, 10002, 7234, 32768, "a range over the low end" },
		{ "0-65535\n", 0, 65535, 28232, 60999, "all (0 is not counted from 1 on)" },
		{ "1,\n", KE_SYNTAX, 0, 0, 0, "comma at the end" },
		{ ",1\n", KE_SYNTAX, 0, 0, 0, "comma at the start" },
		{ "5-\n", KE_SYNTAX, 0, 0, 0, "open end" },
		{ "9-5\n", KE_SYNTAX, 0, 0, 0, "backwards" },
		{ "1 2\n", KE_SYNTAX, 0, 0, 0, "blank inside" },
		{ "65536\n", KE_SYNTAX, 0, 0, 0, "no such port" },
		{ "x\n", KE_SYNTAX, 0, 0, 0, "no number" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct port_set set = { 0 };
		int rc = ports_parse_list(rows[i].text, strlen(rows[i].text), &set);
		uint32_t n = port_set_count(&set, 1, 65535), in = port_set_count(&set, 32768, 60999);
		if (rc != rows[i].rc || n != rows[i].count || in != rows[i].in_range ||
		        (n && !port_set_has(&set, (uint16_t)rows[i].has)))
			fail_msg("%s: %d, %u members, %u in the range", rows[i].remark, rc, n, in);
	}
}

/* Counting words of bits against counting ports, at every kind of boundary. */
static void counting(void **state)
{
	(void)state;
	static struct port_set a, b;
	static const uint16_t ends[] = { 0, 1, 62, 63, 64, 65, 127, 128, 32768, 60999, 65534, 65535 };
	for (uint32_t p = 0; p < 65536; p += 3)
		port_set_add(&a, (uint16_t)p);
	for (uint32_t p = 0; p < 65536; p += 5)
		port_set_add(&b, (uint16_t)p);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		for (size_t j = 0; j < sizeof ends / sizeof ends[0]; j++) {
			uint32_t n = 0, without = 0;
			for (uint32_t p = ends[i]; p <= ends[j]; p++) {
				n += p % 3 == 0;
				without += p % 3 == 0 && p % 5 != 0;
			}
			assert_int_equal(port_set_count(&a, ends[i], ends[j]), n);
			assert_int_equal(port_set_count_without(&a, &b, ends[i], ends[j]), without);
		}
}

static char root[] = "/tmp/kedge-ports-XXXXXX";

static void put(const char *key, const char *value)
{
	char path[256];
	snprintf(path, sizeof path, "%s/net/ipv4/%s", root, key);
	if (value)
		assert_int_equal(file_replace(path, value, strlen(value), 0644, FILE_VOLATILE, NULL), 0);
	else
		assert_int_equal(file_remove(path, FILE_VOLATILE, NULL), 0);
}

static void trees(void **state)
{
	(void)state;
	static struct ports p;
	struct fault f;
	char path[256];
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof path, "%s/net/ipv4", root);
	assert_int_equal(dir_make(path, 0755, NULL), 0);
	assert_int_equal(ports_read(root, &p, &f), KE_NOENT);

	put("ip_local_port_range", "32768\t60999\n");
	assert_int_equal(ports_read(root, &p, &f), 0);
	assert_int_equal(p.low, 32768);
	assert_int_equal(p.high, 60999);
	assert_int_equal(p.tw_reuse, -1);
	assert_int_equal(p.max_tw_buckets, -1);
	assert_int_equal(ports_reuse_delay_ms(&p), 1000);

	put("ip_local_reserved_ports", "40000-40009\n");
	put("tcp_tw_reuse", "2\n");
	put("tcp_tw_reuse_delay", "250\n");
	put("tcp_timestamps", "1\n");
	put("tcp_max_tw_buckets", "-5\n");
	assert_int_equal(ports_read(root, &p, &f), 0);
	assert_int_equal(port_set_count(&p.reserved, p.low, p.high), 10);
	assert_int_equal(p.tw_reuse, 2);
	assert_int_equal(p.timestamps, 1);
	assert_int_equal(p.max_tw_buckets, -1);
	assert_int_equal(ports_reuse_delay_ms(&p), 250);

	put("ip_local_reserved_ports", "nonsense\n");
	assert_int_equal(ports_read(root, &p, &f), KE_SYNTAX);
	assert_string_equal(f.where, "net.ipv4.ip_local_reserved_ports");

	static const char *const keys[] = { "ip_local_port_range", "ip_local_reserved_ports", "tcp_tw_reuse",
		"tcp_tw_reuse_delay", "tcp_timestamps", "tcp_max_tw_buckets" };
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		put(keys[i], NULL);
	static const char *const dirs[] = { "/net/ipv4", "/net", "" };
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", root, dirs[i]);
		assert_int_equal(rmdir(path), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(lists),
		cmocka_unit_test(counting),
		cmocka_unit_test(trees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
