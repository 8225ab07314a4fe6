/* Originals: the first value stays, a lost one stays lost, another boot is another world. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/original.h"
#include "tests/support/fault_tree.h"

static struct originals *sample(void)
{
	struct originals *o = NULL;
	struct original *row = NULL;
	struct name a = name_of("net.ipv4.tcp_rmem"), b = name_of("net.core.somaxconn"),
	            c = name_of("net.ipv4.conf.*.rp_filter"), d = name_of("net.ipv4.tcp_sack");

	assert_int_equal(originals_new("boot-1", &o), 0);
	free(o->policy);
	o->policy = strdup("web");
	o->version = 3;
	o->serial = 9;
	o->time = 1795553333;
	memset(o->hash, 7, SHA256_LEN);
	assert_int_equal(originals_note(o, &a, "4096\t131072\t6291456", &row), 0);
	row->wanted = strdup("4096 131072 16777216");
	row->mode = SETTING_MONITOR;
	row->required = true;
	assert_int_equal(originals_note(o, &b, NULL, &row), 0);
	row->lost = true;
	assert_int_equal(originals_note(o, &c, NULL, &row), 0);
	row->wanted = strdup("1");
	row->bound = BOUND_AT_LEAST;
	row->optional = true;
	row->except = calloc(2, sizeof *row->except);
	row->except[0] = name_of("net.ipv4.conf.docker0.rp_filter");
	row->except[1] = name_of("net/ipv4/conf/eth0.7/rp_filter");
	row->n_except = 2;
	row->mode = SETTING_LOCK;
	assert_int_equal(originals_note(o, &d, "1", NULL), 0);
	return o;
}

static void notes_once(void **state)
{
	struct originals *o = sample();
	struct original *row = NULL;
	struct name a = name_of("net.ipv4.tcp_rmem"), b = name_of("net.core.somaxconn"),
	            e = name_of("net.ipv4.new");
	(void)state;

	assert_int_equal(originals_note(o, &a, "1 2 3", &row), 0);
	assert_string_equal(row->value, "4096\t131072\t6291456");
	assert_int_equal(originals_note(o, &b, "5", &row), 0);
	assert_null(row->value); /* lost is lost */
	assert_int_equal(originals_note(o, &e, NULL, NULL), 0);
	assert_int_equal(originals_note(o, &e, "5", &row), 0);
	assert_string_equal(row->value, "5"); /* it was only not there yet */
	assert_int_equal(o->n, 5);
	originals_free(o);
}

static void round_trip(void **state)
{
	struct tree t;
	struct originals *o = sample(), *back = NULL;
	struct fault f;
	(void)state;

	tree_open(&t);
	assert_int_equal(originals_read(t.dir, "boot-1", &back, &f), KE_NOENT);
	assert_int_equal(originals_write(t.dir, ORIGINAL_NAME, o, &f), 0);
	assert_int_equal(originals_read(t.dir, "boot-2", &back, &f), KE_NOENT);
	assert_int_equal(originals_read(t.dir, "boot-1", &back, &f), 0);
	assert_string_equal(back->policy, "web");
	assert_int_equal(back->version, 3);
	assert_int_equal(back->serial, 9);
	assert_int_equal(back->time, 1795553333);
	assert_memory_equal(back->hash, o->hash, SHA256_LEN);
	assert_int_equal(back->n, o->n);
	for (size_t i = 0; i < o->n; i++) {
		const struct original *x = &o->keys[i], *y = &back->keys[i];
		assert_string_equal(x->name.path, y->name.path);
		assert_string_equal(x->value ? x->value : "-", y->value ? y->value : "-");
		assert_string_equal(x->wanted ? x->wanted : "-", y->wanted ? y->wanted : "-");
		assert_int_equal(x->mode, y->mode);
		assert_int_equal(x->required, y->required);
		assert_int_equal(x->optional, y->optional);
		assert_int_equal(x->lost, y->lost);
		assert_int_equal(x->bound, y->bound);
		assert_int_equal(x->n_except, y->n_except);
		for (size_t k = 0; k < x->n_except; k++)
			assert_string_equal(x->except[k].path, y->except[k].path);
	}
	assert_int_equal(originals_promote(t.dir, &f), KE_NOENT);
	o->serial = 10;
	assert_int_equal(originals_write(t.dir, ORIGINAL_NEXT_NAME, o, &f), 0);
	assert_int_equal(originals_promote(t.dir, &f), 0);
	originals_free(back);
	assert_int_equal(originals_read(t.dir, "boot-1", &back, &f), 0);
	assert_int_equal(back->serial, 10);
	originals_free(back);
	originals_free(o);
	tree_close(&t);
}

static void damage_is_noticed(void **state)
{
	struct originals *o = sample(), *back = NULL;
	char *data = NULL;
	size_t len = 0;
	(void)state;

	assert_int_equal(originals_encode(o, &data, &len), 0);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(originals_decode(data, n, &back), KE_SYNTAX);
	for (size_t i = 0; i < len; i++) {
		data[i] = (char)(data[i] ^ 0x10);
		assert_int_equal(originals_decode(data, len, &back), KE_SYNTAX);
		data[i] = (char)(data[i] ^ 0x10);
	}
	free(data);
	/* A pattern has no value of its own. */
	o->keys[2].value = strdup("1");
	assert_int_equal(originals_encode(o, &data, &len), 0);
	assert_int_equal(originals_decode(data, len, &back), KE_SYNTAX);
	assert_null(back);
	free(data);
	originals_free(o);
}

/* The setting that holds a key: its own before a pattern's, and no pattern that excepts it. */
static void tells_the_holder(void **state)
{
	static const struct {
		const char *key, *holder, *remark;
	} rows[] = {
		{ "net.ipv4.tcp_rmem", "net/ipv4/tcp_rmem", "itself" },
		{ "net.ipv4.tcp_sack", NULL, "was changed along, is not held" },
		{ "net.ipv4.conf.eth1.rp_filter", "net/ipv4/conf/*/rp_filter", "by the pattern" },
		{ "net.ipv4.conf.docker0.rp_filter", NULL, "excepted" },
		{ "net.ipv4.conf.all.rp_filter", NULL, "no interface" },
	};
	struct originals *o = sample();
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct name n = name_of(rows[i].key);
		const struct original *by = originals_holder(o, &n);
		if ((by != NULL) != (rows[i].holder != NULL) ||
		        (by && strcmp(by->name.path, rows[i].holder) != 0))
			fail_msg("%s", rows[i].remark);
	}
	originals_free(o);
}

/* What an earlier version wrote has neither bounds nor exceptions, and no flags for them. */
static void plain_rows_are_written_as_ever(void **state)
{
	struct originals *o = NULL, *back = NULL;
	struct original *row = NULL;
	struct name a = name_of("net.core.somaxconn");
	char *data = NULL, *other = NULL;
	size_t len = 0, other_len = 0;
	(void)state;

	assert_int_equal(originals_new("b", &o), 0);
	assert_int_equal(originals_note(o, &a, "1", &row), 0);
	row->wanted = strdup("2");
	assert_int_equal(originals_encode(o, &data, &len), 0);
	row->bound = BOUND_AT_MOST;
	assert_int_equal(originals_encode(o, &other, &other_len), 0);
	assert_int_equal(len, other_len); /* a flag, and nothing else */
	assert_int_equal(originals_decode(other, other_len, &back), 0);
	assert_int_equal(back->keys[0].bound, BOUND_AT_MOST);
	originals_free(back);
	/* A bound of nothing is forgotten. */
	free(row->wanted);
	row->wanted = NULL;
	free(other);
	assert_int_equal(originals_encode(o, &other, &other_len), 0);
	assert_int_equal(originals_decode(other, other_len, &back), 0);
	assert_int_equal(back->keys[0].bound, BOUND_NONE);
	originals_free(back);
	originals_free(o);
	free(data);
	free(other);
}

static void gives_the_policy_back(void **state)
{
	struct originals *o = sample();
	struct policy *p = NULL;
	struct fault f;
	(void)state;

	assert_int_equal(originals_policy(o, &p, &f), 0);
	assert_string_equal(p->name, "web");
	assert_int_equal(p->version, 3);
	assert_int_equal(p->n, 2); /* only what is wanted */
	assert_string_equal(p->settings[0].value, "4096 131072 16777216");
	assert_int_equal(p->settings[0].mode, SETTING_MONITOR);
	assert_true(p->settings[0].required);
	assert_string_equal(p->settings[1].name.path, "net/ipv4/conf/*/rp_filter");
	assert_true(p->settings[1].optional);
	assert_int_equal(p->settings[1].bound, BOUND_AT_LEAST);
	assert_int_equal(p->settings[1].n_except, 2);
	policy_free(p);
	o->policy[0] = '\0';
	assert_int_equal(originals_policy(o, &p, &f), KE_NOENT);
	originals_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_once),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(tells_the_holder),
		cmocka_unit_test(plain_rows_are_written_as_ever),
		cmocka_unit_test(gives_the_policy_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
