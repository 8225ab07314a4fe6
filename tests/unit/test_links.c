/* Link changes: heard from the kernel, passed on through an eventfd that counts them as one. In a network namespace of its own;
 * needs root. */
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/supervisor/links.h"

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return poll(&p, 1, ms) == 1;
}

/* The loopback interface up or down: each is a change of a link. */
static void lo_flip(bool up)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

static void changes_are_passed_on(void **state)
{
	struct links l;
	struct fault f;
	uint64_t count = 0;
	(void)state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(links_open(&l, &f), 0);
	assert_false(readable(l.route_fd, 0));
	assert_false(readable(l.event_fd, 0));
	lo_flip(true);
	assert_true(readable(l.route_fd, 1000));
	assert_false(readable(l.event_fd, 0)); /* not before it was taken */
	links_take(&l);
	assert_false(readable(l.route_fd, 0));
	assert_true(readable(l.event_fd, 0));
	assert_int_equal(read(l.event_fd, &count, sizeof count), sizeof count);
	assert_int_equal(count, 1);
	/* More than the socket holds: what was lost is no error, and the socket works on. */
	int few = 2048;
	assert_int_equal(setsockopt(l.route_fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof few), 0);
	for (int i = 0; i < 200; i++)
		lo_flip(i % 2);
	links_take(&l);
	links_take(&l);
	assert_int_equal(read(l.event_fd, &count, sizeof count), sizeof count);
	assert_int_equal(count, 2);
	lo_flip(false);
	assert_true(readable(l.route_fd, 1000));
	links_close(&l);
	assert_int_equal(l.route_fd, -1);
	assert_int_equal(l.event_fd, -1);
	links_close(&l); /* twice is nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(changes_are_passed_on) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
