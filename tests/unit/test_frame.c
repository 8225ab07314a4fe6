/* Frames and sealed memfds: what a frame is, and that anything else ends the conversation without leaking a
 * descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/ipc/frame.h"
#include "agent/ipc/seal.h"

static int pair[2];

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_frame_arrives_with_its_bytes(void **state)
{
	(void)state;
	struct fault f;
	struct frame fr = frame_make(FRAME_FETCHED, 7), got;
	int fd, payload;
	char *data;
	size_t len;

	frame_say(&fr, "%s", "timestamp.json");
	assert_int_equal(seal_make("test", "bytes", 5, &fd, &f), 0);
	assert_int_equal(frame_send(pair[0], &fr, fd), 0);
	close(fd);
	assert_int_equal(frame_receive(pair[1], &got, &payload), 0);
	assert_memory_equal(&fr, &got, sizeof fr);
	assert_int_equal(seal_copy(payload, 5, &data, &len, &f), 0);
	assert_int_equal(len, 5);
	assert_string_equal(data, "bytes");
	free(data);
	assert_int_equal(seal_copy(payload, 4, &data, &len, &f), KE_TOOBIG);
	assert_true(fcntl(payload, F_GETFD) & FD_CLOEXEC);
	close(payload);
	assert_int_equal(frame_receive(pair[1], &got, &payload), KE_BUSY);
}

static void an_end_is_no_nonsense(void **state)
{
	(void)state;
	struct frame got;
	int payload;

	shutdown(pair[0], SHUT_WR);
	assert_int_equal(frame_receive(pair[1], &got, &payload), KE_CLOSED);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		size_t size;   /* bytes sent */
		size_t offset; /* byte to spoil */
		unsigned char value;
	} rows[] = {
		{ "too short", FRAME_SIZE - 1, 0, 0x67 },
		{ "too long", FRAME_SIZE + 1, 0, 0x67 },
		{ "one byte", 1, 0, 0x67 },
		{ "magic", FRAME_SIZE, 0, 0 },
		{ "version", FRAME_SIZE, 4, 9 },
		{ "type 0", FRAME_SIZE, 6, 0 },
		{ "type beyond the last", FRAME_SIZE, 6, FRAME_TYPE_END },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned char bytes[FRAME_SIZE + 1] = { 0 };
		struct frame fr = frame_make(FRAME_HELLO, 0), got;
		int payload;
		memcpy(bytes, &fr, sizeof fr);
		bytes[rows[i].offset] = rows[i].value;
		assert_int_equal(send(pair[0], bytes, rows[i].size, 0), rows[i].size);
		if (frame_receive(pair[1], &got, &payload) != KE_PROTO)
			fail_msg("accepted: %s", rows[i].remark);
	}
}

static void an_endless_text_is_refused(void **state)
{
	(void)state;
	struct frame fr = frame_make(FRAME_HELLO, 0), got;
	int payload;

	memset(fr.text, 'x', sizeof fr.text);
	assert_int_equal(send(pair[0], &fr, sizeof fr, 0), sizeof fr);
	assert_int_equal(frame_receive(pair[1], &got, &payload), KE_PROTO);
}

static void surplus_descriptors_are_closed(void **state)
{
	(void)state;
	unsigned before = open_descriptors();
	for (size_t count = 2; count <= 6; count++) {
		struct frame fr = frame_make(FRAME_FETCHED, 1), got;
		struct iovec iov = { .iov_base = &fr, .iov_len = sizeof fr };
		char control[CMSG_SPACE(6 * sizeof(int))] = { 0 };
		struct msghdr msg = { .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = CMSG_SPACE(count * sizeof(int)) };
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		int payload, fds[6] = { 0, 0, 0, 0, 0, 0 };
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
		assert_int_equal(sendmsg(pair[0], &msg, 0), sizeof fr);
		assert_int_equal(frame_receive(pair[1], &got, &payload), KE_PROTO);
		assert_int_equal(open_descriptors(), before);
	}
}

static void only_sealed_memory_is_copied(void **state)
{
	(void)state;
	struct fault f;
	char *data;
	size_t len;
	int pipes[2], file = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int writable = memfd_create("w", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int half = memfd_create("h", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(fcntl(half, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK), 0);
	assert_int_equal(seal_copy(file, 10, &data, &len, &f), KE_PROTO);
	assert_int_equal(seal_copy(pipes[0], 10, &data, &len, &f), KE_PROTO);
	assert_int_equal(seal_copy(writable, 10, &data, &len, &f), KE_PROTO);
	assert_int_equal(seal_copy(half, 10, &data, &len, &f), KE_PROTO);
	int fd;
	assert_int_equal(seal_make("s", "x", 1, &fd, &f), 0);
	assert_int_equal(write(fd, "y", 1), -1);
	assert_int_equal(errno, EPERM);
	close(fd);
	close(half);
	close(writable);
	close(file);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_frame_arrives_with_its_bytes, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(an_end_is_no_nonsense, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(nonsense_is_refused, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(an_endless_text_is_refused, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(surplus_descriptors_are_closed, open_pair, close_pair),
		cmocka_unit_test(only_sealed_memory_is_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
