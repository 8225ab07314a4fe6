/* reason.c — the words for why a key was not written. One place, so that terminal, log and report say the same. */
#include "agent/engine/observe.h"

#include <stdio.h>

static const struct {
	const char *name;
	const char *bare; /* without a detail */
	const char *with; /* before the detail */
	const char *then; /* behind it */
} reasons[] = {
	[REASON_NONE] = { "none", "", "", "" },
	[REASON_MODULE] = { "module", "a kernel module is not loaded", "kernel module ", " is not loaded" },
	[REASON_INTERFACE] = { "interface", "no interface matches", "interface ", " does not exist" },
	[REASON_REMOVED] = { "removed", "removed from the kernel", "removed from the kernel in ", "" },
	[REASON_TOO_OLD] = { "too_old", "this kernel is too old", "this kernel is older than ", "" },
	[REASON_UNKNOWN] = { "unknown", "unknown key", "unknown key; the nearest known one is ", "" },
	[REASON_HOST_WIDE] = { "host_wide", "one value per host, not settable in this network namespace",
	        "one value per host, not settable in this network namespace: ", "" },
	[REASON_MISSING] = { "missing", "this kernel was built without it", "this kernel was built without ",
	        "" },
	[REASON_READ_ONLY] = { "read_only", "read-only here", "read-only: ", "" },
	[REASON_UNREADABLE] = { "unreadable", "its value cannot be read", "its value cannot be read: ", "" },
	[REASON_CEILING] = { "ceiling", "outside this host's ceiling", "outside this host's ceiling: ", "" },
	[REASON_NEVER] = { "never", "on the built-in never-list", "on the built-in never-list: ", "" },
	[REASON_TRIGGER] = { "trigger", "writing it is an action, not a setting",
	        "writing it is an action, not a setting: ", "" },
	[REASON_ONE_WAY] = { "one_way", "it cannot be set back", "it cannot be set back: ", "" },
	[REASON_SECRET] = { "secret", "its value is a secret", "its value is a secret: ", "" },
};

const char *reason_name(enum key_reason r)
{
	return r < sizeof reasons / sizeof reasons[0] ? reasons[r].name : "none";
}

const char *reason_text(enum key_reason r, const char *detail, char *buf, size_t size)
{
	if (r >= sizeof reasons / sizeof reasons[0])
		r = REASON_NONE;
	if (detail && detail[0])
		snprintf(buf, size, "%s%s%s", reasons[r].with, detail, reasons[r].then);
	else
		snprintf(buf, size, "%s", reasons[r].bare);
	return buf;
}
