/* Counters of /proc/net/netstat and /proc/net/snmp: a line of names, a line of values, by group.
 *
 * The list below says which are kept and what it means when one rises after a change of settings. A name line and its
 * value line must have the same group and length; otherwise the file is refused. Called by the keeper's health gates
 * and for its records.
 */
#include <stdio.h>
#include <string.h>

#include "agent/measure/netstat.h"
#include "agent/measure/words.h"
#include "proto/fileio.h"

#define TEXT_MAX 262144

const struct netstat_counter netstat_counters[] = {
	{ "TcpExt", "TW", NETSTAT_INFO, false },
	{ "TcpExt", "TWRecycled", NETSTAT_INFO, false },
	{ "TcpExt", "TWKilled", NETSTAT_INFO, false },
	{ "TcpExt", "TCPTimeWaitOverflow", NETSTAT_HARD, false },
	{ "TcpExt", "PAWSActive", NETSTAT_WARN, false },
	{ "TcpExt", "PAWSEstab", NETSTAT_WARN, false },
	{ "TcpExt", "PAWSTimewait", NETSTAT_WARN, false },
	{ "TcpExt", "PAWSOldAck", NETSTAT_INFO, false },
	{ "TcpExt", "TSEcrRejected", NETSTAT_WARN, false },
	{ "TcpExt", "ListenOverflows", NETSTAT_HARD, false },
	{ "TcpExt", "ListenDrops", NETSTAT_HARD, false },
	{ "TcpExt", "TCPReqQFullDrop", NETSTAT_HARD, false },
	{ "TcpExt", "TCPReqQFullDoCookies", NETSTAT_WARN, false },
	{ "TcpExt", "SyncookiesSent", NETSTAT_WARN, false },
	{ "TcpExt", "SyncookiesRecv", NETSTAT_INFO, false },
	{ "TcpExt", "SyncookiesFailed", NETSTAT_WARN, false },
	{ "TcpExt", "TCPMigrateReqSuccess", NETSTAT_INFO, false },
	{ "TcpExt", "TCPMigrateReqFailure", NETSTAT_WARN, false },
	{ "TcpExt", "EmbryonicRsts", NETSTAT_INFO, false },
	{ "TcpExt", "TCPAbortOnMemory", NETSTAT_HARD, false },
	{ "TcpExt", "TCPMemoryPressures", NETSTAT_HARD, false },
	{ "TcpExt", "TCPMemoryPressuresChrono", NETSTAT_HARD, false },
	{ "TcpExt", "TCPAbortOnTimeout", NETSTAT_HARD, false },
	{ "TcpExt", "TCPAbortOnLinger", NETSTAT_INFO, false },
	{ "TcpExt", "TCPAbortOnClose", NETSTAT_INFO, false },
	{ "TcpExt", "TCPAbortOnData", NETSTAT_INFO, false },
	{ "TcpExt", "TCPAbortFailed", NETSTAT_WARN, false },
	{ "TcpExt", "TCPTimeouts", NETSTAT_WARN, false },
	{ "TcpExt", "TCPSynRetrans", NETSTAT_WARN, false },
	{ "TcpExt", "TCPSpuriousRTOs", NETSTAT_WARN, false },
	{ "TcpExt", "TCPLostRetransmit", NETSTAT_INFO, false },
	{ "TcpExt", "TCPFastRetrans", NETSTAT_INFO, false },
	{ "TcpExt", "TCPLossProbes", NETSTAT_INFO, false },
	{ "TcpExt", "TCPDSACKRecv", NETSTAT_INFO, false },
	{ "TcpExt", "TCPRcvQDrop", NETSTAT_HARD, false },
	{ "TcpExt", "PruneCalled", NETSTAT_WARN, false },
	{ "TcpExt", "RcvPruned", NETSTAT_HARD, false },
	{ "TcpExt", "OfoPruned", NETSTAT_WARN, false },
	{ "TcpExt", "TCPRcvCollapsed", NETSTAT_INFO, false },
	{ "TcpExt", "TCPBacklogDrop", NETSTAT_WARN, false },
	{ "TcpExt", "TCPZeroWindowDrop", NETSTAT_INFO, false },
	{ "TcpExt", "TCPToZeroWindowAdv", NETSTAT_WARN, false },
	{ "TcpExt", "TCPWantZeroWindowAdv", NETSTAT_INFO, false },
	{ "TcpExt", "TCPOFOQueue", NETSTAT_INFO, false },
	{ "TcpExt", "TCPChallengeACK", NETSTAT_WARN, false },
	{ "TcpExt", "TCPSYNChallenge", NETSTAT_WARN, false },
	{ "TcpExt", "TCPACKSkippedTimeWait", NETSTAT_INFO, false },
	{ "TcpExt", "TCPACKSkippedFinWait2", NETSTAT_INFO, false },
	{ "TcpExt", "TCPDeferAcceptDrop", NETSTAT_INFO, false },
	{ "TcpExt", "TCPAutoCorking", NETSTAT_INFO, false },
	{ "TcpExt", "IPReversePathFilter", NETSTAT_HARD, false },
	{ "TcpExt", "TCPKeepAlive", NETSTAT_INFO, false },
	{ "TcpExt", "TCPMTUPFail", NETSTAT_INFO, false },
	{ "TcpExt", "TCPFastOpenListenOverflow", NETSTAT_WARN, false },
	{ "Tcp", "ActiveOpens", NETSTAT_INFO, false },
	{ "Tcp", "PassiveOpens", NETSTAT_INFO, false },
	{ "Tcp", "AttemptFails", NETSTAT_HARD, false },
	{ "Tcp", "EstabResets", NETSTAT_HARD, false },
	{ "Tcp", "CurrEstab", NETSTAT_INFO, true },
	{ "Tcp", "RetransSegs", NETSTAT_WARN, false },
	{ "Tcp", "OutSegs", NETSTAT_INFO, false },
	{ "Tcp", "InSegs", NETSTAT_INFO, false },
	{ "Tcp", "InErrs", NETSTAT_WARN, false },
	{ "Tcp", "OutRsts", NETSTAT_HARD, false },
	{ "Tcp", "InCsumErrors", NETSTAT_INFO, false },
};
const size_t netstat_count = sizeof netstat_counters / sizeof netstat_counters[0];
_Static_assert(
        sizeof netstat_counters / sizeof netstat_counters[0] <= NETSTAT_ROOM, "NETSTAT_ROOM is too small");

int netstat_index(const char *name)
{
	for (size_t i = 0; i < netstat_count; i++)
		if (strcmp(netstat_counters[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* GROUP with its colon. */
static int index_of(struct word group, struct word name)
{
	for (size_t i = 0; i < netstat_count; i++) {
		const struct netstat_counter *c = &netstat_counters[i];
		size_t len = strlen(c->group);
		if (word_is(name, c->name) && group.len == len + 1 && memcmp(group.text, c->group, len) == 0)
			return (int)i;
	}
	return -1;
}

/* Some values of /proc/net/snmp are signed (MaxConn -1); none of those on the list is. */
static bool signed_number(struct word w)
{
	uint64_t n;
	return w.len > 1 && w.text[0] == '-' && word_number((struct word){ w.text + 1, w.len - 1 }, &n);
}

static bool pair_parse(struct word names, struct word values, struct netstat *s)
{
	struct word group, again, name, value;
	if (!word_next(&names, &group) || !word_next(&values, &again))
		return false;
	if (group.len != again.len || memcmp(group.text, again.text, group.len) != 0 ||
	        group.text[group.len - 1] != ':')
		return false;
	while (word_next(&names, &name)) {
		uint64_t n;
		if (!word_next(&values, &value))
			return false;
		int i = index_of(group, name);
		if (!word_number(value, &n)) {
			if (i >= 0 || !signed_number(value))
				return false;
		} else if (i >= 0) {
			s->value[i] = n;
			s->present[i] = true;
		}
	}
	return !word_next(&values, &value);
}

int netstat_parse(const char *text, size_t len, struct netstat *s, struct fault *f)
{
	struct word rest = { text, len }, names, values;
	for (unsigned n = 1; word_line(&rest, &names); n += 2) {
		if (!word_line(&rest, &values) || !pair_parse(names, values, s)) {
			char where[24];
			snprintf(where, sizeof where, "line %u", n);
			return fault_set(f, KE_SYNTAX, where, NULL, "names and values do not match");
		}
	}
	return 0;
}

static int file_take(const char *netdir, const char *name, struct netstat *s, struct fault *f)
{
	char *text;
	size_t len;
	int rc = words_file(netdir, name, TEXT_MAX, &text, &len, f);
	if (rc)
		return rc;
	rc = netstat_parse(text, len, s, f);
	file_free(text);
	if (rc)
		fault_at(f, "%s/%s", netdir, name);
	return rc;
}

int netstat_read(const char *netdir, struct netstat *ret, struct fault *f)
{
	struct netstat s = { 0 };
	int rc = file_take(netdir, "netstat", &s, f);
	if (rc == 0)
		rc = file_take(netdir, "snmp", &s, f);
	if (rc == 0)
		*ret = s;
	return rc;
}

/* DELTA a second, in thousandths; the largest number when it does not fit. */
static uint64_t rate_milli(uint64_t delta, int64_t dt_ms)
{
	uint64_t scaled;
	if (__builtin_mul_overflow(delta, 1000000U, &scaled))
		return delta / (uint64_t)dt_ms < UINT64_MAX / 1000000 ? delta / (uint64_t)dt_ms * 1000000
		                                                      : UINT64_MAX;
	return scaled / (uint64_t)dt_ms;
}

int netstat_diff(
        const struct netstat *before, const struct netstat *after, int64_t dt_ms, struct netstat_delta *ret)
{
	struct netstat_delta d = { 0 };
	if (dt_ms <= 0)
		return KE_RANGE;
	for (size_t i = 0; i < netstat_count; i++) {
		if (netstat_counters[i].gauge || !before->present[i] || !after->present[i])
			continue;
		if (after->value[i] < before->value[i]) {
			d.reset = true;
			continue;
		}
		d.known[i] = true;
		d.delta[i] = after->value[i] - before->value[i];
		d.rate_milli[i] = rate_milli(d.delta[i], dt_ms);
	}
	*ret = d;
	return 0;
}
