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
	row->optional = true;
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
		cmocka_unit_test(gives_the_policy_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
