/* http_heads.h — request heads, good and bad, with what the parser must say: rows of test_http_codec.c, and each of them
 * a seed of the fuzz corpus (http_codec/NAME). */
#ifndef KEDGE_TEST_HTTP_HEADS_H
#define KEDGE_TEST_HTTP_HEADS_H

#include <stddef.h>

struct head_row {
	const char *name; /* of the seed */
	int status;       /* 200, or what to refuse with; 0: more bytes are needed */
	const char *remark;
	size_t len;
	const char *bytes;
};

#define HEAD_BYTES(text) sizeof(text) - 1, text
#define HEAD_H           "Host: a.example\r\n"

static const struct head_row head_rows[] = {
	{ "get", 200, "the plain case", HEAD_BYTES("GET /v1/hosts HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "post", 200, "with a length",
	        HEAD_BYTES(
	                "POST /v1/x HTTP/1.1\r\n" HEAD_H "Content-Length: 17\r\nContent-Type: a/b\r\n\r\n") },
	{ "http10", 200, "1.0 needs no Host", HEAD_BYTES("GET / HTTP/1.0\r\n\r\n") },
	{ "query", 200, "a query is kept as sent",
	        HEAD_BYTES("GET /a?x=%41&y=/? HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "escape", 200, "an escape is decoded once",
	        HEAD_BYTES("GET /a%2541%20b HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "utf8", 200, "UTF-8, escaped", HEAD_BYTES("GET /%C3%A4 HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "ows", 200, "white space around a value",
	        HEAD_BYTES("GET / HTTP/1.1\r\nHost: \t a \t\r\nX:\r\n\r\n") },
	{ "dots-inside", 200, "dots that are no segments",
	        HEAD_BYTES("GET /a..b/...x HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "slash-end", 200, "a slash at the end", HEAD_BYTES("GET /a/ HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "expect", 200, "100-continue, any case",
	        HEAD_BYTES(
	                "PUT /a HTTP/1.1\r\n" HEAD_H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n") },
	{ "close", 200, "close in a list",
	        HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "Connection: x, Close\r\n\r\n") },
	{ "pipelined", 200, "bytes of the next request behind",
	        HEAD_BYTES("GET /a HTTP/1.1\r\n" HEAD_H "\r\nGET /b HTTP/1.1\r\n") },
	{ "obs-text", 200, "bytes above 127 in a value",
	        HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "X: \xff\r\n\r\n") },

	{ "part", 0, "no end yet", HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "\r") },
	{ "nothing", 0, "nothing yet", HEAD_BYTES("") },

	{ "bare-lf", 400, "LF without CR after the request line",
	        HEAD_BYTES("GET / HTTP/1.1\n" HEAD_H "\r\n") },
	{ "bare-lf-field", 400, "LF without CR after a field",
	        HEAD_BYTES("GET / HTTP/1.1\r\nHost: a\n\r\n") },
	{ "bare-lf-end", 400, "LF without CR as the end", HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "\n") },
	{ "bare-cr", 400, "CR without LF", HEAD_BYTES("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n") },
	{ "bare-cr-early", 400, "CR without LF, refused before the end has come",
	        HEAD_BYTES("GET / HTTP/1.1\rX") },
	{ "cr-cr-lf", 400, "CR CR LF", HEAD_BYTES("GET / HTTP/1.1\r\r\n" HEAD_H "\r\n") },
	{ "blank-first", 400, "an empty line before the request",
	        HEAD_BYTES("\r\nGET / HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "obs-fold", 400, "a folded line", HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "X: a\r\n b\r\n\r\n") },
	{ "fold-first", 400, "white space before the first field",
	        HEAD_BYTES("GET / HTTP/1.1\r\n Host: a\r\n\r\n") },
	{ "space-colon", 400, "a space before the colon", HEAD_BYTES("GET / HTTP/1.1\r\nHost : a\r\n\r\n") },
	{ "tab-colon", 400, "a tab before the colon", HEAD_BYTES("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n") },
	{ "no-name", 400, "an empty name", HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H ": a\r\n\r\n") },
	{ "no-colon", 400, "no colon", HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "Xy\r\n\r\n") },
	{ "name-char", 400, "a name that is no token",
	        HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "X(y: a\r\n\r\n") },
	{ "nul-value", 400, "NUL in a value", HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "X: a\0b\r\n\r\n") },
	{ "nul-name", 400, "NUL in a name", HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "X\0: b\r\n\r\n") },
	{ "nul-target", 400, "NUL in the target", HEAD_BYTES("GET /a\0 HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "control", 400, "a control byte in a value",
	        HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "X: \x1b[2J\r\n\r\n") },
	{ "del", 400, "DEL in a value", HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "X: \x7f\r\n\r\n") },
	{ "length-twice", 400, "two lengths that differ",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n") },
	{ "length-same", 400, "two equal lengths",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "Content-Length: 1\r\ncontent-length: 1\r\n\r\n") },
	{ "length-list", 400, "a list of lengths",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "Content-Length: 1, 1\r\n\r\n") },
	{ "length-plus", 400, "a sign",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "Content-Length: +2\r\n\r\n") },
	{ "length-minus", 400, "a negative length",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "Content-Length: -1\r\n\r\n") },
	{ "length-hex", 400, "hexadecimal",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "Content-Length: 0x2\r\n\r\n") },
	{ "length-empty", 400, "an empty length",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "Content-Length:\r\n\r\n") },
	{ "length-huge", 400, "does not fit 64 bits",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "Content-Length: 18446744073709551616\r\n\r\n") },
	{ "length-coding", 400, "a length and a coding",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H
	                   "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n") },
	{ "coding", 501, "chunked",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "Transfer-Encoding: chunked\r\n\r\n") },
	{ "coding-gzip", 501, "gzip, chunked",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H "transfer-encoding: gzip, chunked\r\n\r\n") },
	{ "coding-twice", 400, "two codings",
	        HEAD_BYTES("POST / HTTP/1.1\r\n" HEAD_H
	                   "Transfer-Encoding: a\r\nTransfer-Encoding: b\r\n\r\n") },
	{ "absolute", 400, "absolute form", HEAD_BYTES("GET http://a.example/ HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "asterisk", 400, "asterisk form", HEAD_BYTES("GET * HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "authority", 501, "authority form", HEAD_BYTES("CONNECT a:443 HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "fragment", 400, "a fragment", HEAD_BYTES("GET /a#b HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "no-host", 400, "no Host", HEAD_BYTES("GET / HTTP/1.1\r\n\r\n") },
	{ "two-hosts", 400, "two Hosts", HEAD_BYTES("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") },
	{ "empty-host", 400, "an empty Host", HEAD_BYTES("GET / HTTP/1.1\r\nHost:\r\n\r\n") },
	{ "odd-host", 400, "a Host with a path", HEAD_BYTES("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") },
	{ "two-tokens", 400, "two Authorization fields",
	        HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "Authorization: a\r\nAuthorization: b\r\n\r\n") },
	{ "expect-odd", 417, "another expectation",
	        HEAD_BYTES("GET / HTTP/1.1\r\n" HEAD_H "Expect: tea\r\n\r\n") },
	{ "http19", 505, "1.9", HEAD_BYTES("GET / HTTP/1.9\r\n" HEAD_H "\r\n") },
	{ "http20", 505, "the preface of HTTP/2", HEAD_BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
	{ "http09", 400, "0.9: no version", HEAD_BYTES("GET /\r\n\r\n") },
	{ "version-case", 400, "http/1.1", HEAD_BYTES("GET / http/1.1\r\n" HEAD_H "\r\n") },
	{ "version-long", 400, "1.10", HEAD_BYTES("GET / HTTP/1.10\r\n" HEAD_H "\r\n") },
	{ "version-space", 400, "a space behind the version",
	        HEAD_BYTES("GET / HTTP/1.1 \r\n" HEAD_H "\r\n") },
	{ "two-spaces", 400, "two spaces", HEAD_BYTES("GET  / HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "tab-line", 400, "a tab between the words", HEAD_BYTES("GET\t/ HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "no-method", 400, "no method", HEAD_BYTES(" / HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "method", 501, "a method that is not ours", HEAD_BYTES("BREW / HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "method-case", 501, "methods have a case", HEAD_BYTES("get / HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "method-char", 400, "a method that is no token", HEAD_BYTES("G(T / HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "slash-escaped", 400, "%2f", HEAD_BYTES("GET /a%2fb HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "slash-upper", 400, "%2F", HEAD_BYTES("GET /a%2Fb HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "nul-escaped", 400, "%00", HEAD_BYTES("GET /a%00 HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "control-escaped", 400, "%0d%0a", HEAD_BYTES("GET /a%0d%0aX HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "dotdot", 400, "..", HEAD_BYTES("GET /a/../b HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "dotdot-escaped", 400, "%2e%2e", HEAD_BYTES("GET /a/%2e%2E/b HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "dotdot-end", 400, ".. at the end", HEAD_BYTES("GET /a/.. HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "dot", 400, "a dot", HEAD_BYTES("GET /./a HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "slashes", 400, "//", HEAD_BYTES("GET /a//b HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "slashes-first", 400, "// at the beginning", HEAD_BYTES("GET //a HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "overlong", 400, "overlong '.' (C0 AE)",
	        HEAD_BYTES("GET /%C0%AE%C0%AE/ HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "overlong-slash", 400, "overlong '/' (E0 80 AF)",
	        HEAD_BYTES("GET /%E0%80%AF HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "surrogate", 400, "a surrogate", HEAD_BYTES("GET /%ED%A0%80 HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "raw-high", 400, "a raw byte above 127", HEAD_BYTES("GET /\xc3\xa4 HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "escape-short", 400, "half an escape", HEAD_BYTES("GET /a%4 HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "escape-odd", 400, "no escape", HEAD_BYTES("GET /a%zz HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "query-odd", 400, "no escape in the query", HEAD_BYTES("GET /a?%z HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "backslash", 400, "a backslash", HEAD_BYTES("GET /a\\b HTTP/1.1\r\n" HEAD_H "\r\n") },
	{ "tls", 400, "a TLS hello on a plain port",
	        HEAD_BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") },
};

#define HEAD_ROWS (sizeof head_rows / sizeof head_rows[0])

#endif
