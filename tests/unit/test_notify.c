/* notify_send(): which names are a socket's, without one that listens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/supervisor/notify.h"
#include "proto/err.h"

static void notify_names_are_checked(void **state)
{
	(void)state;
	char longest[200];

	memset(longest, 'a', sizeof longest);
	longest[0] = '/';
	longest[199] = '\0';
	assert_int_equal(notify_send(NULL, "READY=1"), 0);
	assert_int_equal(notify_send("", "READY=1"), 0);
	assert_int_equal(notify_send("relative", "READY=1"), KE_NAME);
	assert_int_equal(notify_send(longest, "READY=1"), KE_NAME);
	assert_int_equal(notify_send("/nobody/is/there", "READY=1"), KE_NOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notify_names_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
