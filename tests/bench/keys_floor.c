/* keys_floor — what a look at keys costs when nothing is done with them.
 *
 *	keys_floor FILE     once a second reads the keys of FILE (lines "key = value") through descriptors held open
 *	keys_floor          once a second wakes up, and reads nothing
 *
 * Runs until it is ended; whoever started it reads the CPU time from /proc. Any agent that looks once a second pays this much. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEYS_MAX 64

static int fds[KEYS_MAX];
static size_t n_fds;

static int key_open(char *line)
{
	char path[PATH_MAX];

	line[strcspn(line, " =\n")] = '\0';
	for (char *p = line; *p; p++)
		if (*p == '.')
			*p = '/';
	snprintf(path, sizeof path, "/proc/sys/%s", line);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		perror(path);
	return fd;
}

static int keys_open(const char *file)
{
	char line[PATH_MAX - 16];
	FILE *list = fopen(file, "re");

	if (!list) {
		perror(file);
		return -1;
	}
	while (n_fds < KEYS_MAX && fgets(line, sizeof line, list)) {
		fds[n_fds] = key_open(line);
		if (fds[n_fds++] < 0)
			return -1;
	}
	return fclose(list);
}

int main(int argc, char **argv)
{
	const struct timespec second = { .tv_sec = 1 };
	char text[1024];

	if (argc > 2 || (argc == 2 && keys_open(argv[1])))
		return EXIT_FAILURE;
	for (;;) {
		nanosleep(&second, NULL);
		for (size_t i = 0; i < n_fds; i++)
			if (pread(fds[i], text, sizeof text, 0) < 0)
				return EXIT_FAILURE;
	}
}
