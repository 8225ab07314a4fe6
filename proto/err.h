/* err.h — the one error space of kedge and its words.
 *
 * Functions return 0 or a negative code from this list; err_text() gives the words that the CLI, the log and the
 * reports print alike. Where a person has to act, a function also fills a struct fault: what is wrong, where it
 * is (file, line, key, field path) and what to do about it.
 */
#ifndef KEDGE_PROTO_ERR_H
#define KEDGE_PROTO_ERR_H

#include <stdarg.h>
#include <stddef.h>

enum kedge_err {
	KE_OK = 0,
	/* resources and the operating system */
	KE_NOMEM = -1,        /* allocation failed */
	KE_IO = -2,           /* a system call on a file failed; the fault text has errno's words */
	KE_NOENT = -3,        /* no such file, key or object */
	KE_ACCES = -4,        /* permission denied */
	KE_EXIST = -5,        /* exists already */
	KE_BUSY = -6,         /* somebody else holds the lock */
	KE_TOOBIG = -7,       /* larger than the named limit */
	KE_TIMEOUT = -8,      /* a deadline passed */
	KE_CLOSED = -9,       /* the other side is gone */
	KE_SYSTEM = -10,      /* any other system call failed */
	KE_UNSUPPORTED = -11, /* this kernel or build cannot do it */
	/* input */
	KE_USAGE = -20,     /* wrong command line or configuration */
	KE_SYNTAX = -21,    /* does not follow the grammar */
	KE_SCHEMA = -22,    /* well-formed, but a member is missing, unknown, or of the wrong type */
	KE_RANGE = -23,     /* a number outside its bounds */
	KE_NAME = -24,      /* not a valid name (sysctl key, role, host id, ...) */
	KE_VALUE = -25,     /* not a valid value for this key */
	KE_DUPLICATE = -26, /* given twice */
	KE_UNKNOWN = -27,   /* a name that is not known */
	/* trust */
	KE_SIGNATURE = -40, /* a signature does not verify, or the threshold is not met */
	KE_KEY = -41,       /* unusable public or private key */
	KE_EXPIRED = -42,   /* past its expiry */
	KE_ROLLBACK = -43,  /* older than what is trusted already */
	KE_MISMATCH = -44,  /* length, hash, version or name differs from what was promised */
	KE_UNTRUSTED = -45, /* not named by trusted metadata */
	KE_SELECTOR = -46,  /* this host is not meant */
	KE_WINDOW = -47,    /* outside the signed time window */
	KE_CEILING = -48,   /* key outside the host's ceiling, or on the never-list */
	KE_CHAIN = -49,     /* a record does not continue its chain */
	KE_CLOCK = -50,     /* the clock cannot be trusted */
	/* applying */
	KE_REFUSED = -60,  /* the kernel refused a write */
	KE_READBACK = -61, /* the kernel stored something else than was written */
	KE_CONFLICT = -62, /* somebody else wrote meanwhile */
	KE_DEGRADED = -63, /* a rollback could not be completed */
	KE_HELD = -64,     /* held: not tried again until a new serial or a retry */
	/* protocol */
	KE_PROTO = -80,     /* the peer does not follow the protocol */
	KE_TLS = -81,       /* TLS failed */
	KE_HTTP = -82,      /* an HTTP status that is not a success */
	KE_STORE = -83,     /* the store failed */
	KE_FORBIDDEN = -84, /* the identity has no right to this */
	KE_FORK = -85,      /* two histories claim the same place */
};

/* The words for CODE (0 or negative); never NULL. */
const char *err_text(int code);
/* A short, stable, machine-readable name ("rollback", "schema"), as used in JSON; never NULL. */
const char *err_name(int code);
/* errno value -> the code that fits it best. */
int err_from_errno(int err);

/* What a person needs to act. All three strings are NUL-terminated; where and todo may be empty. */
struct fault {
	int code;
	char where[320]; /* "FILE:LINE", "settings[3].value", a key: may join several */
	char what[320];  /* what is wrong */
	char todo[256];  /* what to do about it */
};

/* Fill F (may be NULL) and return CODE, so that `return fault_set(...)` reads well. Long texts are cut, control characters
 * become '?'. */
int fault_set(struct fault *f, int code, const char *where, const char *todo, const char *fmt, ...)
        __attribute__((format(printf, 5, 6)));
/* Put PREFIX and ": " in front of f->where (or set it): callers add the file or object they were working on. */
void fault_at(struct fault *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "WHERE: WHAT; TODO" into BUF, the form in which programs print a fault. Returns BUF. */
const char *fault_line(const struct fault *f, char *buf, size_t size);

#endif
