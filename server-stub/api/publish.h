/* publish.h — the key on which requests park that wait for a publication, or for a wave. */
#ifndef KEDGE_SERVER_API_PUBLISH_H
#define KEDGE_SERVER_API_PUBLISH_H

#define PUBLISH_KEY      "repo"
#define PUBLISH_BODY_MAX (32u << 20)

#endif
