/* clock.c — the system's clock behind the injected interface, and RFC 3339 dates in the one form that TUF allows. */
#include "proto/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/err.h"
#include "proto/fileio.h"

static int64_t system_wall(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

static int64_t system_boot_ms(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

const struct clock clock_system = { .wall = system_wall, .boot_ms = system_boot_ms };

int64_t clock_wall(const struct clock *c)
{
	return c->wall(c->ctx);
}

int64_t clock_boot_ms(const struct clock *c)
{
	return c->boot_ms(c->ctx);
}

char *time_format(int64_t seconds, char text[TIME_TEXT_ROOM])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds < 0 || seconds > 253402300799 || !gmtime_r(&t, &tm))
		return memcpy(text, "0000-00-00T00:00:00Z", TIME_TEXT_ROOM);
	strftime(text, TIME_TEXT_ROOM, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}

static bool digits(const char *text, unsigned n, int *ret)
{
	int value = 0;

	for (unsigned i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*ret = value;
	return true;
}

bool time_parse(const char *text, size_t len, int64_t *ret)
{
	struct tm tm = { 0 };
	char again[TIME_TEXT_ROOM];

	if (len != 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
	        text[16] != ':' || text[19] != 'Z')
		return false;
	if (!digits(text, 4, &tm.tm_year) || !digits(text + 5, 2, &tm.tm_mon) ||
	        !digits(text + 8, 2, &tm.tm_mday) || !digits(text + 11, 2, &tm.tm_hour) ||
	        !digits(text + 14, 2, &tm.tm_min) || !digits(text + 17, 2, &tm.tm_sec))
		return false;
	if (tm.tm_year < 1970 || tm.tm_mon < 1)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	int64_t seconds = (int64_t)timegm(&tm);
	/* timegm() rolls 31 February over to March; a real date survives the way back. */
	if (memcmp(time_format(seconds, again), text, 20) != 0)
		return false;
	*ret = seconds;
	return true;
}

int boot_id_read(char text[BOOT_ID_ROOM])
{
	char *data;
	size_t len;
	int rc = file_read("/proc/sys/kernel/random/boot_id", 128, &data, &len, NULL);

	if (rc)
		return rc;
	while (len && data[len - 1] == '\n')
		data[--len] = '\0';
	rc = len == BOOT_ID_ROOM - 1 ? KE_OK : KE_SYNTAX;
	if (!rc)
		memcpy(text, data, BOOT_ID_ROOM);
	file_free(data);
	return rc;
}
