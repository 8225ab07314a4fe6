/* Workers: everything that was taken is run once, also what waits when they stop; a full queue says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server-stub/api/worker.h"

static atomic_uint ran;
static atomic_bool gate;

static void count_one(void *arg)
{
	(void)arg;
	atomic_fetch_add(&ran, 1);
}

static void wait_for_gate(void *arg)
{
	(void)arg;
	while (!atomic_load(&gate))
		usleep(1000);
}

static void all_are_run(void **state)
{
	(void)state;
	struct worker *w;

	assert_int_equal(worker_start(4, &w, NULL), 0);
	atomic_store(&ran, 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(worker_post(w, count_one, NULL), 0);
	worker_stop(w);
	assert_int_equal(atomic_load(&ran), 1000);
	assert_int_equal(worker_post(w, count_one, NULL), KE_BUSY);
	worker_free(w);
	worker_free(NULL);
}

static void a_full_queue(void **state)
{
	(void)state;
	struct worker *w;
	unsigned taken = 0;

	assert_int_equal(worker_start(1, &w, NULL), 0);
	atomic_store(&gate, false);
	atomic_store(&ran, 0);
	assert_int_equal(worker_post(w, wait_for_gate, NULL), 0);
	while (taken < WORKER_QUEUE_MAX + 10 && worker_post(w, count_one, NULL) == 0)
		taken++;
	/* the first may or may not have left the queue yet */
	assert_in_range(taken, WORKER_QUEUE_MAX - 1, WORKER_QUEUE_MAX);
	assert_int_equal(worker_post(w, count_one, NULL), KE_BUSY);
	atomic_store(&gate, true);
	worker_free(w);
	assert_int_equal(atomic_load(&ran), taken);
}

static void numbers(void **state)
{
	(void)state;
	struct worker *w = NULL;

	assert_int_equal(worker_start(0, &w, NULL), KE_SYSTEM);
	assert_int_equal(worker_start(65, &w, NULL), KE_SYSTEM);
	assert_null(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_run),
		cmocka_unit_test(a_full_queue),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
