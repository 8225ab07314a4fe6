/* log.c — the programs' voice. One write(2) a line, so that lines of several processes do not mix. */
#include "proto/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_program = "kedge";
static enum log_level log_max = LOG_LEVEL_INFO;
static int log_journal;

void log_open(const char *program, enum log_level level)
{
	log_program = program;
	log_max = level;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };
	static const char *const priorities[] = { "<3>", "<4>", "<6>", "<7>" };
	char line[2048];
	va_list ap;

	if (level > log_max)
		return;
	int head = snprintf(line, sizeof line, "%s%s: %s: ", log_journal ? priorities[level] : "",
	        log_program, words[level]);
	va_start(ap, fmt);
	vsnprintf(line + head, sizeof line - (size_t)head - 1, fmt, ap);
	va_end(ap);
	size_t len = strlen(line);
	for (size_t i = (size_t)head; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	ssize_t n = write(STDERR_FILENO, line, len);
	(void)n; /* nobody left to tell */
}
