/* log.h — one line an event, on standard error: LEVEL, the words, then key=value pairs.
 *
 * Only programs log; libraries return errors. Where standard error is the journal ($JOURNAL_STREAM) lines start with the syslog priority
 * "<4>", so that the journal knows the level.
 */
#ifndef KEDGE_PROTO_LOG_H
#define KEDGE_PROTO_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Name the program and the most talkative level that is printed. Call once, in main(). */
void log_open(const char *program, enum log_level level);
/* Print one line; control characters in it and bytes that are not UTF-8 are written as '?', so that no input forges a second line. */
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
