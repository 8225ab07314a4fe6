/* clock.h — time as an argument.
 *
 * Whoever needs the time is given a struct clock, so that a test can lie. wall() is what the system believes the
 * date is; boot_ms() counts also while suspended and never jumps, so deadlines are kept with it.
 */
#ifndef KEDGE_PROTO_CLOCK_H
#define KEDGE_PROTO_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock {
	int64_t (*wall)(void *ctx);    /* seconds since 1970-01-01T00:00:00Z */
	int64_t (*boot_ms)(void *ctx); /* milliseconds since boot, CLOCK_BOOTTIME */
	void *ctx;
};

extern const struct clock clock_system;

int64_t clock_wall(const struct clock *c);
int64_t clock_boot_ms(const struct clock *c);

#define TIME_TEXT_ROOM 21
/* "2026-11-24T20:23:36Z" into TEXT. Returns TEXT. Outside the years 1970 to 9999: "0000-00-00T00:00:00Z", which
 * time_parse() refuses. */
char *time_format(int64_t seconds, char text[TIME_TEXT_ROOM]);
/* Exactly YYYY-MM-DDTHH:MM:SSZ, a real calendar date of the years 1970 to 9999. */
bool time_parse(const char *text, size_t len, int64_t *ret);

#define BOOT_ID_ROOM 37
/* The kernel's id of this boot (a UUID). 0 or a negative code. */
int boot_id_read(char text[BOOT_ID_ROOM]);

#endif
