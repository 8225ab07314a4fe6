/* url.h — the addresses that the courier asks, built from parts that others named. */
#ifndef KEDGE_AGENT_COURIER_URL_H
#define KEDGE_AGENT_COURIER_URL_H

#include <stdint.h>

#include "proto/buf.h"

#define URL_MAX 2000 /* the server refuses longer ones */

/* Append "/" and NAME, a path below some place ("2.root.json", "policies/web/<hash>.1.json"), with every byte escaped that is
 * not unreserved in RFC 3986. KE_NAME: NAME is empty, has an empty, "." or ".." segment, or a control character; nothing is
 * appended then. Otherwise URL->rc. */
int url_append(struct buf *url, const char *name);
/* The port of URL, "[SCHEME://][USER@]HOST[:PORT][/...]", HOST perhaps "[::1]"; without PORT 443 for https and 1080, libcurl's
 * own for proxies, for everything else. 0: that is no port. */
uint16_t url_port(const char *url);

#endif
