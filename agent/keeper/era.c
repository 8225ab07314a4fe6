/* era.c — the time that expiry is judged by.
 *
 * A clock that was set back would bring expired metadata to life again, one set forward would kill what is valid. So the
 * keeper keeps a floor: a moment that is known to be past, advancing with the boot-time clock, synced now and then. Behind it,
 * the floor counts. More than 30 days ahead of it, nothing new is adopted until the server's clock agrees.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "proto/fileio.h"

#define ERA_AHEAD (30 * 86400)
#define ERA_NEAR  (15 * 60)

static int era_path(const struct keeper *k, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/floor", k->state_dir);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

int era_open(struct keeper *k, struct fault *f)
{
	char path[PATH_MAX], *text;
	size_t len;
	int rc = era_path(k, path);

	k->era.base_ms = clock_boot_ms(k->clock);
	if (!rc)
		rc = file_read(path, 64, &text, &len, f);
	if (rc == KE_NOENT) {
		/* The first start: the clock is all there is. */
		k->era.floor = clock_wall(k->clock);
		k->era.agreed = true;
		return KE_OK;
	}
	if (rc)
		return rc;
	while (len && text[len - 1] == '\n')
		len--;
	if (!time_parse(text, len, &k->era.floor))
		rc = fault_set(f, KE_SYNTAX, path, "remove it if the clock is right", "is no time");
	file_free(text);
	return rc;
}

static int64_t floor_now(const struct keeper *k)
{
	return k->era.floor + (clock_boot_ms(k->clock) - k->era.base_ms) / 1000;
}

int64_t era_now(const struct keeper *k)
{
	int64_t wall = clock_wall(k->clock), floor = floor_now(k);

	return wall > floor ? wall : floor;
}

const char *era_state(const struct keeper *k)
{
	int64_t wall = clock_wall(k->clock), floor = floor_now(k);

	if (wall < floor - 1)
		return "behind";
	return !k->era.agreed && wall - floor > ERA_AHEAD ? "ahead" : "ok";
}

void era_server_time(struct keeper *k, int64_t seconds)
{
	int64_t off = seconds - clock_wall(k->clock);

	if (off < ERA_NEAR && off > -ERA_NEAR)
		k->era.agreed = true;
}

void era_save(struct keeper *k)
{
	char path[PATH_MAX], text[TIME_TEXT_ROOM + 1];
	struct fault f;

	if (strcmp(era_state(k), "ahead") == 0)
		return;
	int64_t now = era_now(k);
	int n = snprintf(text, sizeof text, "%s", time_format(now, (char[TIME_TEXT_ROOM]){ 0 }));
	if (era_path(k, path) || file_replace(path, text, (size_t)n, 0600, FILE_DURABLE, &f))
		return; /* an older floor is still a floor */
	k->era.floor = now;
	k->era.base_ms = clock_boot_ms(k->clock);
}
