/* publish.h — the key on which requests park that wait for the next publication. */
#ifndef KEDGE_SERVER_API_PUBLISH_H
#define KEDGE_SERVER_API_PUBLISH_H

#define PUBLISH_KEY      "repo"
#define PUBLISH_BODY_MAX (32u << 20)

#endif
