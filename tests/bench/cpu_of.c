/* cpu_of [-n RUNS] COMMAND [ARGUMENT...] — run a command and print, one line a run, what it and its children used:
 * CPU time (user + system) and wall time in microseconds, and the largest resident set in KiB. The command's output goes
 * to /dev/null; a command that fails ends the series. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long micros(const struct timeval *tv)
{
	return tv->tv_sec * 1000000LL + tv->tv_usec;
}

static long long now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static void child(char **argv)
{
	int null = open("/dev/null", O_WRONLY);
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(126);
	execvp(argv[0], argv);
	fprintf(stderr, "cpu_of: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int run(char **argv)
{
	struct rusage use;
	int status;
	long long start = now();
	pid_t pid = fork();
	if (pid == 0)
		child(argv);
	if (pid < 0 || wait4(pid, &status, 0, &use) < 0) {
		perror("cpu_of");
		return 1;
	}
	long long wall = now() - start;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "cpu_of: %s failed\n", argv[0]);
		return 1;
	}
	printf("%lld %lld %ld\n", micros(&use.ru_utime) + micros(&use.ru_stime), wall, use.ru_maxrss);
	return 0;
}

int main(int argc, char **argv)
{
	int runs = 1, at = 1;
	if (argc > 3 && strcmp(argv[1], "-n") == 0) {
		char *end;
		runs = (int)strtol(argv[2], &end, 10);
		if (*end || runs < 1)
			runs = 0;
		at = 3;
	}
	if (at >= argc || runs < 1) {
		fputs("usage: cpu_of [-n RUNS] COMMAND [ARGUMENT...]\n", stderr);
		return 1;
	}
	for (int i = 0; i < runs; i++)
		if (run(argv + at))
			return 1;
	return 0;
}
