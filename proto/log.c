/* log.c — the programs' voice. One write(2) a line, so that lines of several processes do not mix. */
#include "proto/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/utf8.h"

static const char *log_program = "kedge";
static enum log_level log_max = LOG_LEVEL_INFO;
static bool log_journal;

/* Is standard error the journal? The variable alone says little: children inherit it, also those whose standard
 * error is a terminal or a file. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char mine[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	snprintf(
	        mine, sizeof mine, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(stream, mine) == 0;
}

/* Control characters, also the C1 ones that terminals obey (U+0080..U+009F), and bytes that are not UTF-8. */
static void tame(char *text, size_t len)
{
	unsigned char *p = (unsigned char *)text;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_length(p + i, len - i);
		if (!n || p[i] < 0x20 || p[i] == 0x7f)
			p[i] = '?';
		else if (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0)
			p[i] = p[i + 1] = '?';
		i += n ? n : 1;
	}
}

void log_open(const char *program, enum log_level level)
{
	log_program = program;
	log_max = level;
	log_journal = stderr_is_journal();
}

void log_at(enum log_level level, const char *fmt, ...)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };
	static const char *const priorities[] = { "<3>", "<4>", "<6>", "<7>" };
	char line[2048];
	va_list ap;

	if (level > log_max)
		return;
	int head = snprintf(line, sizeof line, "%s%.100s: %s: ", log_journal ? priorities[level] : "",
	        log_program, words[level]);
	va_start(ap, fmt);
	vsnprintf(line + head, sizeof line - (size_t)head - 1, fmt, ap);
	va_end(ap);
	size_t len = strlen(line);
	tame(line + head, len - (size_t)head);
	line[len++] = '\n';
	ssize_t n = write(STDERR_FILENO, line, len);
	(void)n; /* nobody left to tell */
}
