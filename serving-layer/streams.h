/*
 * streams: the answers of one event loop that do not end by themselves: GET /v1/stream, server-sent events. What bounds them:
 * there are at most STREAMS_MAX a loop, each ends after the seconds it asked for, one whose client does not fetch what was
 * sent is ended as any other answer (connections.h) and gets nothing more before it has, and all end at once when a stop is
 * asked. They are not among the calls in hand that bound waiting, because they wait for nobody.
 */
#ifndef TANDEM_SERVING_STREAMS_H
#define TANDEM_SERVING_STREAMS_H

struct event_base;
struct streams;

enum { STREAMS_MAX = 64, STREAM_S_MAX = 600 };

struct streams *streams_new(struct event_base *base);
/* Sends what is new and ends what is over, as happens by itself ten times a second. */
void streams_look(struct streams *streams);
/* Ends all; no more begin. */
void streams_end(struct streams *streams);
void streams_free(struct streams *streams); /* before the base */

#endif
