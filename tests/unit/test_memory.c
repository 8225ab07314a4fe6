/* The memory of a process that stays: large blocks go back to the kernel, small ones do not hold what is free behind or
 * between them, a second thread allocates where the first one does, and code that was only read at the start is let go. */
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/memory.h"

/* A sanitizer has an allocator of its own: then there is nothing to see here. */
static void only_with_libc(void)
{
	void *block = malloc(4096);
	assert_non_null(block);
	bool libc = mallinfo2().uordblks > 0;
	free(block);
	if (!libc)
		skip();
}

static void large_blocks_are_mapped_alone(void **state)
{
	(void)state;
	static const struct {
		size_t size, maps;
		const char *remark;
	} rows[] = {
		{ MEMORY_MAP_FROM / 2, 0, "half of the limit: on the heap" },
		{ 8 * MEMORY_MAP_FROM, 1, "more than the heap has free" },
		{ 4 << 20, 1, "large; once freed it must not raise the limit" },
		{ 8 * MEMORY_MAP_FROM, 1, "as before" },
	};
	only_with_libc();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t before = mallinfo2().hblks;
		void *volatile block = malloc(rows[i].size);
		assert_non_null(block);
		if (mallinfo2().hblks != before + rows[i].maps)
			fail_msg("%s", rows[i].remark);
		free(block);
		assert_int_equal(mallinfo2().hblks, before);
	}
}

static void the_top_goes_back(void **state)
{
	enum { BLOCKS = 256, SIZE = 8192 };
	static char *blocks[BLOCKS];
	(void)state;

	only_with_libc();
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(SIZE);
		assert_non_null(blocks[i]);
		memset(blocks[i], 1, SIZE);
	}
	size_t most = mallinfo2().arena;
	for (size_t i = BLOCKS; i-- > 0;)
		free(blocks[i]);
	assert_true(most - mallinfo2().arena > (size_t)BLOCKS * SIZE - MEMORY_TOP_KEPT - MEMORY_STEP);
}

/* A hole of many pages below a block in use. */
static void holes_go_back(void **state)
{
	enum { BLOCKS = 64, SIZE = 8192 };
	static char *blocks[BLOCKS + 1];
	unsigned char resident[1];
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	(void)state;

	only_with_libc();
	for (size_t i = 0; i <= BLOCKS; i++) {
		blocks[i] = malloc(SIZE);
		assert_non_null(blocks[i]);
		memset(blocks[i], 1, SIZE);
	}
	void *middle = (void *)((uintptr_t)blocks[BLOCKS / 2] & ~(page - 1));
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	assert_int_equal(mincore(middle, 1, resident), 0);
	assert_int_equal(resident[0] & 1, 1);
	memory_give_back();
	assert_int_equal(mincore(middle, 1, resident), 0);
	assert_int_equal(resident[0] & 1, 0);
	assert_int_equal(blocks[BLOCKS][SIZE - 1], 1);
	free(blocks[BLOCKS]);
}

/* KiB of PERMISSIONS mappings of files, as /proc says; ANON: those that this process wrote to. */
static long mapped_kib(const char *permissions, const char *field)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	char line[512], perms[8] = "";
	unsigned long inode = 0;
	long sum = 0, kib;
	assert_non_null(smaps);
	while (fgets(line, sizeof line, smaps)) {
		size_t n = strlen(field);
		if (sscanf(line, "%*x-%*x %7s %*s %*s %lu", perms, &inode) == 2)
			continue;
		if (inode && strcmp(perms, permissions) == 0 && strncmp(line, field, n) == 0 &&
		        sscanf(line + n, ": %ld", &kib) == 1)
			sum += kib;
	}
	fclose(smaps);
	return sum;
}

static void code_of_the_start_is_let_go(void **state)
{
	(void)state;
	long before = mapped_kib("r-xp", "Rss"), written = mapped_kib("r--p", "Private_Dirty");
	memory_start_over();
	long after = mapped_kib("r-xp", "Rss");
	assert_true(before > 0);
	assert_true(after < before);
	/* What the linker wrote, and made read-only after that, is still there. */
	assert_true(written > 0);
	assert_int_equal(mapped_kib("r--p", "Private_Dirty"), written);
}

static void *allocate(void *ret)
{
	*(void **)ret = malloc(1024);
	return NULL;
}

static void threads_share_the_heap(void **state)
{
	pthread_t thread;
	void *theirs = NULL;
	(void)state;

	only_with_libc();
	void *mine = malloc(1024);
	assert_int_equal(pthread_create(&thread, NULL, allocate, &theirs), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_non_null(mine);
	assert_non_null(theirs);
	/* Heaps of threads begin at multiples of 64 MiB, far from the program's own. */
	uintptr_t a = (uintptr_t)mine, b = (uintptr_t)theirs;
	assert_true((a > b ? a - b : b - a) < (uintptr_t)64 << 20);
	free(mine);
	free(theirs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_blocks_are_mapped_alone),
		cmocka_unit_test(the_top_goes_back),
		cmocka_unit_test(threads_share_the_heap),
		cmocka_unit_test(holes_go_back),
		cmocka_unit_test(code_of_the_start_is_let_go),
	};
	memory_keep_little();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
