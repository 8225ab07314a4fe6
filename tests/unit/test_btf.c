/* BTF: a small one made here, each of its bytes broken in turn, and the running kernel's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/btf.h>

#include "agent/bpf/btf.h"
#include "agent/bpf/program.h"
#include "proto/fileio.h"

/* struct inner { int a; int b; }; typedef const struct inner alias; struct outer { int x; union { alias y; int z; }; int bit:3; };
 * and, as kernels have them, an unrelated struct outer that lacks the member which is looked for. */
static const char strings[] = "\0int\0inner\0a\0b\0alias\0outer\0x\0y\0z\0bit";
enum {
	S_INT = 1,
	S_INNER = 5,
	S_A = 11,
	S_B = 13,
	S_ALIAS = 15,
	S_OUTER = 21,
	S_X = 27,
	S_Y = 29,
	S_Z = 31,
	S_BIT = 33
};

#define INFO(kind, vlen, flag) ((uint32_t)(flag) << 31 | (uint32_t)(kind) << 24 | (vlen))

static const uint32_t types[] = {
	S_INT, INFO(BTF_KIND_INT, 0, 0), 4, 32,                                                /* 1 */
	S_INNER, INFO(BTF_KIND_STRUCT, 2, 0), 8, S_A, 1, 0, S_B, 1, 32,                        /* 2 */
	0, INFO(BTF_KIND_CONST, 0, 0), 2,                                                      /* 3 */
	S_ALIAS, INFO(BTF_KIND_TYPEDEF, 0, 0), 3,                                              /* 4 */
	0, INFO(BTF_KIND_UNION, 2, 0), 8, S_Y, 4, 0, S_Z, 1, 0,                                /* 5 */
	S_OUTER, INFO(BTF_KIND_STRUCT, 1, 0), 4, S_A, 1, 0,                                    /* 6 */
	S_OUTER, INFO(BTF_KIND_STRUCT, 3, 1), 16, S_X, 1, 0, 0, 5, 32, S_BIT, 1, 3 << 24 | 97, /* 7 */
};

static size_t small_btf(unsigned char out[512])
{
	const struct btf_header h = { .magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof h,
		.type_len = sizeof types,
		.str_off = sizeof types,
		.str_len = sizeof strings };
	memcpy(out, &h, sizeof h);
	memcpy(out + sizeof h, types, sizeof types);
	memcpy(out + sizeof h + sizeof types, strings, sizeof strings);
	return sizeof h + sizeof types + sizeof strings;
}

static void small(void **state)
{
	(void)state;
	unsigned char data[512];
	size_t len = small_btf(data);
	struct btf *b;
	struct fault f;
	static const struct {
		const char *type, *member;
		int64_t offset; /* -1: none */
	} rows[] = {
		{ "inner", "a", 0 },
		{ "inner", "b", 4 },
		{ "outer", "x", 0 },
		{ "outer", "y", 4 },
		{ "outer", "z", 4 },
		{ "outer", "y.b", 8 },
		{ "outer", "a", 0 }, /* of the other one */
		{ "outer", "y.c", -1 },
		{ "outer", "x.a", -1 },
		{ "outer", "bit", -1 },
		{ "outer", "", -1 },
		{ "oute", "x", -1 },
		{ "int", "x", -1 },
	};
	if (btf_open(data, len, &b, &f))
		fail_msg("%s", f.what);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint32_t off = 77;
		int rc = btf_offset(b, rows[i].type, rows[i].member, &off);
		if (rows[i].offset < 0 ? rc != KE_NOENT || off != 77 : rc || off != (uint32_t)rows[i].offset)
			fail_msg("%s.%s: %d %u", rows[i].type, rows[i].member, rc, off);
	}
	btf_free(b);
}

/* Whatever a byte says, it is an answer or a refusal. */
static void broken(void **state)
{
	(void)state;
	unsigned char good[512];
	size_t len = small_btf(good), refused = 0;

	for (size_t at = 0; at < len; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			unsigned char *data = malloc(len);
			uint32_t off;
			struct btf *b;
			assert_non_null(data);
			memcpy(data, good, len);
			data[at] ^= (unsigned char)(1U << bit);
			if (btf_open(data, len, &b, NULL)) {
				refused++;
			} else {
				btf_offset(b, "outer", "y.b", &off);
				btf_free(b);
			}
			free(data);
		}
	assert_true(refused > 100);
	for (size_t cut = 0; cut < len; cut++) {
		struct btf *b;
		unsigned char *data = malloc(cut + 1);
		assert_non_null(data);
		memcpy(data, good, cut);
		assert_int_not_equal(btf_open(data, cut, &b, NULL), 0);
		free(data);
	}
}

static void of_this_kernel(void **state)
{
	(void)state;
	struct program_offsets o;
	struct fault f = { 0 };
	struct btf *b;
	char *data;
	size_t len;

	if (file_read(BTF_PATH, BTF_MAX_BYTES, &data, &len, NULL)) {
		print_message("this kernel has no BTF\n");
		skip();
	}
	assert_int_equal(btf_open(data, len, &b, &f), 0);
	if (program_offsets_find(b, &o, &f))
		fail_msg("%s: %s", f.where, f.what);
	assert_true(o.task_tgid && o.task_comm && o.net_sysctls && o.head_set > o.head_root);
	btf_free(b);
	file_free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(small), cmocka_unit_test(broken),
		cmocka_unit_test(of_this_kernel) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
