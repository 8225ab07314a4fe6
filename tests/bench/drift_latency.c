/* drift_latency — writes keys and looks, without a pause, for what follows. Prints one latency in microseconds a line.
 *
 *	drift_latency seen LOG N KEY        N times: another value into KEY (a path below /proc/sys), until a line of LOG has its last part
 *	drift_latency restored N KEY=VALUE...  N times for each: another value than VALUE, until KEY holds VALUE again
 *
 * What does not follow within two seconds is printed as 2000000. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_US 2000000
#define PAUSE_US    150000 /* the agent has signed, synced and sent its record by then */

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int key_open(const char *key)
{
	char path[512];

	snprintf(path, sizeof path, "/proc/sys/%s", key);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static int64_t put(int fd, int value)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%d", value);
	int64_t at = now_us();

	if (pwrite(fd, text, (size_t)n, 0) != n) {
		perror("write");
		exit(1);
	}
	return at;
}

static void seen(const char *log, int times, const char *key)
{
	const char *last = strrchr(key, '/') + 1;
	int fd = key_open(key), in = open(log, O_RDONLY | O_CLOEXEC);
	char text[65536];

	if (in < 0) {
		perror(log);
		exit(1);
	}
	for (int i = 0; i < times; i++) {
		lseek(in, 0, SEEK_END);
		size_t have = 0;
		int64_t from = put(fd, 41 + i % 10), us = 0;
		do {
			ssize_t n = read(in, text + have, sizeof text - 1 - have);
			have += n > 0 ? (size_t)n : 0;
			text[have] = '\0';
			us = now_us() - from;
		} while (!strstr(text, last) && us < PATIENCE_US);
		printf("%" PRId64 "\n", us);
		usleep(PAUSE_US);
	}
}

static void restored(int times, int n, char **wants)
{
	for (int i = 0; i < times * n; i++) {
		char *key = strdup(wants[i % n]), *value = strchr(key, '='), text[64];
		*value++ = '\0';
		int fd = key_open(key), wanted = (int)strtol(value, NULL, 10);
		int64_t from = put(fd, wanted + 1), us = 0;
		do {
			ssize_t got = pread(fd, text, sizeof text - 1, 0);
			text[got > 0 ? got : 0] = '\0';
			us = now_us() - from;
		} while (strtol(text, NULL, 10) != wanted && us < PATIENCE_US);
		printf("%" PRId64 "\n", us);
		close(fd);
		free(key);
		usleep(PAUSE_US);
	}
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "seen") == 0)
		seen(argv[2], (int)strtol(argv[3], NULL, 10), argv[4]);
	else if (argc > 3 && strcmp(argv[1], "restored") == 0)
		restored((int)strtol(argv[2], NULL, 10), argc - 3, argv + 3);
	else
		return fprintf(stderr, "drift_latency seen LOG N KEY | restored N KEY=VALUE...\n") < 0 ? 2
		                                                                                       : 1;
	return 0;
}
