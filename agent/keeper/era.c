/* era.c — the time that expiry is judged by.
 *
 * A clock that was set back would bring expired metadata to life again, one set forward would kill what is valid. So the
 * keeper keeps a floor: a moment that is known to be past, never before this program was made, advancing with the boot-time clock,
 * synced now and then. Behind it, the floor counts. More than 30 days ahead of it, nothing new is adopted until the
 * server's clock agrees. The system clock lifts the floor at the start only, by what a host may have been switched off
 * for, and later only when the server's clock agrees with it: no row of small steps leads far ahead.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "proto/fileio.h"

#define ERA_AHEAD (30 * 86400)
#define ERA_NEAR  (15 * 60)
#define ERA_SLACK 60 /* what a clock is set back by at times without meaning anything */

static int era_path(const struct keeper *k, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/floor", k->state_dir);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

static int64_t floor_now(const struct keeper *k)
{
	return k->era.floor + (clock_boot_ms(k->clock) - k->era.base_ms) / 1000;
}

static void floor_set(struct keeper *k, int64_t seconds)
{
	k->era.floor = seconds;
	k->era.base_ms = clock_boot_ms(k->clock);
}

/* What was kept: RET, or KE_NOENT. */
static int floor_read(const struct keeper *k, int64_t *ret, struct fault *f)
{
	char path[PATH_MAX], *text;
	size_t len;
	int rc = era_path(k, path);

	if (!rc)
		rc = file_read(path, 64, &text, &len, f);
	if (rc)
		return rc;
	while (len && text[len - 1] == '\n')
		len--;
	if (!time_parse(text, len, ret))
		rc = fault_set(f, KE_SYNTAX, path, "remove it if the clock is right", "is no time");
	file_free(text);
	return rc;
}

int era_open(struct keeper *k, struct fault *f)
{
	int64_t wall = clock_wall(k->clock), kept = 0, made = 0;
	int rc = floor_read(k, &kept, f);

	if (rc && rc != KE_NOENT)
		return rc;
	time_parse(KEDGE_MADE, sizeof KEDGE_MADE - 1, &made);
	/* The first start: the clock is all there is. */
	bool first = rc == KE_NOENT;
	floor_set(k, kept > made ? kept : made);
	if (wall > k->era.floor && (first || wall - k->era.floor <= ERA_AHEAD))
		k->era.floor = wall;
	return KE_OK;
}

int64_t era_now(const struct keeper *k)
{
	int64_t wall = clock_wall(k->clock), floor = floor_now(k);

	return wall > floor ? wall : floor;
}

const char *era_state(const struct keeper *k)
{
	int64_t wall = clock_wall(k->clock), floor = floor_now(k);

	if (wall < floor - ERA_SLACK)
		return "behind";
	return wall - floor > ERA_AHEAD ? "ahead" : "ok";
}

bool era_server_time(struct keeper *k, int64_t seconds)
{
	int64_t wall = clock_wall(k->clock), off;

	if (__builtin_sub_overflow(seconds, wall, &off) || off >= ERA_NEAR || off <= -ERA_NEAR ||
	        wall <= floor_now(k))
		return false;
	bool was_ahead = strcmp(era_state(k), "ahead") == 0;
	floor_set(k, wall);
	return was_ahead;
}

void era_save(struct keeper *k)
{
	char path[PATH_MAX], text[TIME_TEXT_ROOM];
	int64_t now = floor_now(k);

	time_format(now, text);
	if (!era_path(k, path) && !file_replace(path, text, strlen(text), 0600, FILE_DURABLE, NULL))
		floor_set(k, now);
	/* Else an older floor is still a floor. */
}
