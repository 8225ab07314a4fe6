/* url.h — the addresses that the courier asks, built from parts that others named. */
#ifndef KEDGE_AGENT_COURIER_URL_H
#define KEDGE_AGENT_COURIER_URL_H

#include "proto/buf.h"

#define URL_MAX 2000 /* the server refuses longer ones */

/* Append "/" and NAME, a path below some place ("2.root.json", "policies/web/<hash>.1.json"), with every byte escaped that is
 * not unreserved in RFC 3986. KE_NAME: NAME is empty, has an empty, "." or ".." segment, or a control character; nothing is
 * appended then. Otherwise URL->rc. */
int url_append(struct buf *url, const char *name);

#endif
