/* The table of words. One place, so that a report, a log line and a terminal never tell the same failure in
 * different words. Called by everybody; knows nobody. */
#include "proto/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int code;
	const char *name;
	const char *text;
} words[] = {
	{ KE_OK, "ok", "ok" },
	{ KE_NOMEM, "no_memory", "out of memory" },
	{ KE_IO, "io", "input/output error" },
	{ KE_NOENT, "not_found", "not found" },
	{ KE_ACCES, "access", "permission denied" },
	{ KE_EXIST, "exists", "exists already" },
	{ KE_BUSY, "busy", "held by somebody else" },
	{ KE_TOOBIG, "too_big", "larger than the limit" },
	{ KE_TIMEOUT, "timeout", "deadline passed" },
	{ KE_CLOSED, "closed", "the other side closed the connection" },
	{ KE_SYSTEM, "system", "a system call failed" },
	{ KE_UNSUPPORTED, "unsupported", "not supported here" },
	{ KE_USAGE, "usage", "wrong usage" },
	{ KE_SYNTAX, "syntax", "syntax error" },
	{ KE_SCHEMA, "schema", "does not fit the schema" },
	{ KE_RANGE, "range", "out of range" },
	{ KE_NAME, "name", "not a valid name" },
	{ KE_VALUE, "value", "not a valid value" },
	{ KE_DUPLICATE, "duplicate", "given twice" },
	{ KE_UNKNOWN, "unknown", "not known" },
	{ KE_SIGNATURE, "signature", "signature threshold not met" },
	{ KE_KEY, "key", "unusable key" },
	{ KE_EXPIRED, "expired", "expired" },
	{ KE_ROLLBACK, "rollback", "older than what is trusted already" },
	{ KE_MISMATCH, "mismatch", "differs from what was promised" },
	{ KE_UNTRUSTED, "untrusted", "not named by trusted metadata" },
	{ KE_SELECTOR, "selector", "this host is not selected" },
	{ KE_WINDOW, "window", "outside the signed time window" },
	{ KE_CEILING, "ceiling", "outside this host's ceiling" },
	{ KE_CHAIN, "chain", "record chain broken" },
	{ KE_CLOCK, "clock", "the clock cannot be trusted" },
	{ KE_REFUSED, "refused", "refused by the kernel" },
	{ KE_READBACK, "readback", "the kernel stored another value" },
	{ KE_CONFLICT, "conflict", "changed by somebody else meanwhile" },
	{ KE_DEGRADED, "degraded", "could not be rolled back completely" },
	{ KE_HELD, "held", "held until a new serial or a retry" },
	{ KE_PROTO, "protocol", "protocol violation" },
	{ KE_TLS, "tls", "TLS failure" },
	{ KE_HTTP, "http", "HTTP failure" },
	{ KE_STORE, "store", "store failure" },
	{ KE_FORBIDDEN, "forbidden", "no right to do this" },
	{ KE_FORK, "fork", "two histories claim the same place" },
};

static size_t word_index(int code)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (words[i].code == code)
			return i;
	return sizeof words / sizeof words[0];
}

const char *err_text(int code)
{
	size_t i = word_index(code);
	return i < sizeof words / sizeof words[0] ? words[i].text : "unknown error";
}

const char *err_name(int code)
{
	size_t i = word_index(code);
	return i < sizeof words / sizeof words[0] ? words[i].name : "unknown_error";
}

int err_from_errno(int err)
{
	switch (err) {
	case 0:
		return KE_OK;
	case ENOMEM:
		return KE_NOMEM;
	case ENOENT:
	case ENOTDIR:
		return KE_NOENT;
	case EACCES:
	case EPERM:
	case EROFS:
		return KE_ACCES;
	case EEXIST:
		return KE_EXIST;
	case EAGAIN:
	case EBUSY:
		return KE_BUSY;
	case EFBIG:
	case E2BIG:
		return KE_TOOBIG;
	case ETIMEDOUT:
		return KE_TIMEOUT;
	case EPIPE:
	case ECONNRESET:
		return KE_CLOSED;
	case ENOSYS:
	case EOPNOTSUPP:
		return KE_UNSUPPORTED;
	case EIO:
	case ENOSPC:
	case EDQUOT:
		return KE_IO;
	default:
		return KE_SYSTEM;
	}
}

/* Names from hostile documents end up in faults; a line break in one must not forge a second line of output. */
static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

int fault_set(struct fault *f, int code, const char *where, const char *todo, const char *fmt, ...)
{
	va_list ap;

	if (!f)
		return code;
	f->code = code;
	snprintf(f->where, sizeof f->where, "%s", where ? where : "");
	snprintf(f->todo, sizeof f->todo, "%s", todo ? todo : "");
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof f->what, fmt, ap);
	va_end(ap);
	one_line(f->where);
	one_line(f->what);
	one_line(f->todo);
	return code;
}

void fault_at(struct fault *f, const char *fmt, ...)
{
	char tail[sizeof f->where];
	va_list ap;

	if (!f)
		return;
	memcpy(tail, f->where, sizeof tail);
	va_start(ap, fmt);
	vsnprintf(f->where, sizeof f->where, fmt, ap);
	va_end(ap);
	one_line(f->where);
	size_t n = strlen(f->where), room = sizeof f->where - 1 - n;
	if (!tail[0] || room <= 2)
		return;
	size_t keep = strnlen(tail, room - 2);
	memcpy(f->where + n, ": ", 2);
	memcpy(f->where + n + 2, tail, keep);
	f->where[n + 2 + keep] = '\0';
}

const char *fault_line(const struct fault *f, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s%s%s", f->where, f->where[0] ? ": " : "",
	        f->what[0] ? f->what : err_text(f->code), f->todo[0] ? "; " : "", f->todo);
	return buf;
}
