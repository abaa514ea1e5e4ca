/* The readers of a benchmark: many HTTP/1.1 connections on one epoll loop.
 *
 *     client PORT REQUEST MARK READERS AT_ONCE SPREAD_MS HOLD_MS
 *
 * Opens READERS connections to 127.0.0.1:PORT and sends the REQUEST on each. They come evenly over
 * SPREAD_MS, by the clock: no reader comes later because the server is behind. With AT_ONCE, never
 * more than so many are open, and the next one comes when one has ended. With HOLD_MS it leaves that
 * long after every reader had its first event; with 0 it reads every stream to its end.
 * Prints a JSON line when all had their first event ("open") and one at the end ("done"), and then
 * keeps its connections until its standard input is closed.
 *
 * An event is a block, ended by a blank line, that holds MARK and then a text which is not empty and
 * ends with a quotation mark. Comments, ids, an opening without a word and a last event are read and
 * not counted. "text" is a hash (FNV-1a, 64 bits) of all texts of a reader in their order, and
 * "differ" is the number of readers whose hash is not the first one's. A text "at <nanoseconds>" was
 * stamped by CLOCK_MONOTONIC in another process, which is ours too: it gives a latency, and none may
 * be older than the one before it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STAMP "at "
#define READ_SIZE 65536
#define KEPT_SIZE 4096 /* a response's head, or one unfinished block */
#define STALLED_MS 60000
#define BEHIND_MS 120000
#define FNV_BASIS 14695981039346656037u
#define FNV_PRIME 1099511628211u

enum state { CONNECTING, HEAD, CHUNK_SIZE, DATA, AFTER_DATA, ENDED };

struct reader {
    int fd;
    enum state state;
    size_t left;      /* bytes of the chunk still to come */
    size_t kept;      /* bytes in text */
    double opened, first;
    long events;
    uint64_t hash, stamp; /* of its texts so far, and the newest time in them */
    char text[KEPT_SIZE];
};

static struct {
    const char *request, *mark;
    size_t request_size, mark_size;
    int port, count, at_once, loop;
    double spread, hold;
} options;

static struct reader *readers;
static int opened, started, ended;
static long events;
static double *latencies;
static size_t latency_count, latency_room;
static char input[READ_SIZE], body[KEPT_SIZE + READ_SIZE];
static size_t body_size, bodies_size; /* one body, and all so far */

static void fail(const char *why)
{
    fprintf(stderr, "client: %s (%.*s)\n", why, (int)strcspn(options.request, "\r"), options.request);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* ---- one event ---- */

static void add_latency(double ms)
{
    if (latency_count == latency_room) {
        latency_room = latency_room ? latency_room * 2 : 65536;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies)
            fail("no memory for the latencies");
    }
    latencies[latency_count++] = ms;
}

static void read_text(struct reader *r, const char *text, size_t size, double now)
{
    for (size_t i = 0; i < size; i++)
        r->hash = (r->hash ^ (unsigned char)text[i]) * FNV_PRIME;
    if (strncmp(text, STAMP, sizeof STAMP - 1))
        return;
    uint64_t stamp = strtoull(text + sizeof STAMP - 1, NULL, 10);
    if (stamp < r->stamp)
        fail("a text came before an older one");
    r->stamp = stamp;
    if (started == options.count)
        add_latency(now - stamp / 1e6);
}

static void count_block(struct reader *r, const char *block, size_t size, double now)
{
    const char *text = memmem(block, size, options.mark, options.mark_size);
    if (!text || *(text += options.mark_size) == '"')
        return;
    const char *end = memchr(text, '"', block + size - text);
    if (!end)
        fail("a text has no end");
    events++;
    if (!r->events++) {
        r->first = now - r->opened;
        started++;
    }
    read_text(r, text, end - text, now);
}

static void count_blocks(struct reader *r, double now)
{
    const char *from = body, *end = body + body_size, *blank;
    while ((blank = memmem(from, end - from, "\n\n", 2))) {
        count_block(r, from, blank - from, now);
        from = blank + 2;
    }
    r->kept = end - from;
    if (r->kept > KEPT_SIZE)
        fail("a block is longer than expected");
    memcpy(r->text, from, r->kept);
}

/* ---- one connection's bytes ---- */

static size_t read_head(struct reader *r, const char *in, size_t size)
{
    size_t before = r->kept, room = KEPT_SIZE - 1 - before;
    size_t taken = size < room ? size : room;
    memcpy(r->text + before, in, taken);
    r->text[before + taken] = 0;
    char *end = strstr(r->text, "\r\n\r\n");
    if (!end) {
        r->kept += taken;
        return r->kept < KEPT_SIZE - 1 ? taken : (fail("the head is too long"), 0);
    }
    end[2] = 0;
    if (strncmp(r->text, "HTTP/1.1 200", 12))
        fail(r->text);
    int chunked = strcasestr(r->text, "\r\nTransfer-Encoding: chunked\r\n") != NULL;
    r->state = chunked ? CHUNK_SIZE : DATA;
    r->left = chunked ? 0 : SIZE_MAX;
    r->kept = 0;
    return end + 4 - r->text - before;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* The line with a chunk's size (no server here sends extensions), or the line break after its data. */
static void read_framing(struct reader *r, char c)
{
    if (c == '\n')
        r->state = r->state == AFTER_DATA ? CHUNK_SIZE : r->left ? DATA : ENDED;
    else if (r->state == CHUNK_SIZE && hex(c) >= 0)
        r->left = r->left * 16 + hex(c);
}

static size_t read_data(struct reader *r, const char *in, size_t size)
{
    size_t taken = size < r->left ? size : r->left;
    memcpy(body + body_size, in, taken);
    body_size += taken;
    bodies_size += taken;
    r->left -= taken;
    if (!r->left)
        r->state = AFTER_DATA;
    return taken;
}

static void read_bytes(struct reader *r, const char *in, size_t size, double now)
{
    const char *end = in + size;
    while (r->state == HEAD && in < end)
        in += read_head(r, in, end - in);
    memcpy(body, r->text, body_size = r->state == HEAD ? 0 : r->kept);
    while (in < end && r->state != ENDED)
        if (r->state == DATA)
            in += read_data(r, in, end - in);
        else
            read_framing(r, *in++);
    if (r->state != HEAD)
        count_blocks(r, now);
}

/* ---- all connections ---- */

static void watch(struct reader *r, int change, int events)
{
    struct epoll_event event = {.events = events, .data.ptr = r};
    if (epoll_ctl(options.loop, change, r->fd, &event))
        fail("can't watch the connection");
}

/* Whether the request was sent. It can't be yet while the server's queue of connections is full. */
static int send_request(struct reader *r)
{
    size_t size = options.request_size;
    ssize_t sent = send(r->fd, options.request, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN)
        return 0;
    if (sent != (ssize_t)size)
        fail("can't send the request");
    r->state = HEAD;
    return 1;
}

/* Does not wait for the server: the next reader comes when it is due. */
static void open_reader(struct reader *r)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    r->opened = now_ms();
    r->hash = FNV_BASIS;
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (r->fd < 0 || (connect(r->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS))
        fail("can't connect");
    watch(r, EPOLL_CTL_ADD, send_request(r) ? EPOLLIN : EPOLLOUT);
}

static void read_from(struct reader *r)
{
    ssize_t size = recv(r->fd, input, sizeof input, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size > 0)
        read_bytes(r, input, size, now_ms());
    if (size > 0 && r->state != ENDED)
        return;
    if (!r->events)
        fail("a stream ended without an event");
    if (size < 0 || (r->state != ENDED && r->left < SIZE_MAX / 2))
        fail("a stream was cut");
    close(r->fd);
    ended++;
}

static void open_due(double elapsed)
{
    while (opened < options.count && elapsed >= options.spread * opened / options.count &&
           (!options.at_once || opened - ended < options.at_once))
        open_reader(&readers[opened++]);
}

static void wait_and_read(int wait_ms)
{
    static double progress;
    struct epoll_event ready[256];
    int count = epoll_wait(options.loop, ready, 256, wait_ms);
    if (count > 0 || !progress)
        progress = now_ms();
    else if (now_ms() - progress > STALLED_MS + options.hold)
        fail("no server byte for a minute");
    for (int i = 0; i < count; i++) {
        struct reader *r = ready[i].data.ptr;
        if (r->state != CONNECTING)
            read_from(r);
        else if (send_request(r))
            watch(r, EPOLL_CTL_MOD, EPOLLIN);
    }
}

/* ---- the report ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t count, double share)
{
    size_t rank = count * share + 0.999999;
    return count ? sorted[rank ? rank - 1 : 0] : 0;
}

static void print_times(const char *name, double *times, size_t count)
{
    qsort(times, count, sizeof *times, by_size);
    printf(", \"%s_p50_ms\": %.3f, \"%s_p99_ms\": %.3f", name, percentile(times, count, 0.5), name,
           percentile(times, count, 0.99));
}

static double cpu_ms(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

static void print_open(void)
{
    printf("{\"phase\": \"open\", \"events\": %ld}\n", events);
    fflush(stdout);
}

static void print_done(double elapsed, double cpu)
{
    double *firsts = malloc(options.count * sizeof *firsts);
    long fewest = readers[0].events, differ = 0;
    for (int i = 0; i < options.count; i++) {
        firsts[i] = readers[i].first;
        fewest = readers[i].events < fewest ? readers[i].events : fewest;
        differ += readers[i].hash != readers[0].hash;
    }
    printf("{\"phase\": \"done\", \"readers\": %d, \"events\": %ld, \"fewest\": %ld", options.count,
           events, fewest);
    printf(", \"bytes\": %zu", bodies_size);
    printf(", \"text\": \"%016lx\", \"differ\": %ld", readers[0].hash, differ);
    printf(", \"seconds\": %.4f, \"client_cpu\": %.4f", elapsed / 1e3, cpu / 1e3);
    print_times("first", firsts, options.count);
    print_times("latency", latencies, latency_count);
    puts("}");
    fflush(stdout);
}

static void run(double start)
{
    double until = 0;
    while (options.hold ? !until || now_ms() < until : ended < options.count) {
        open_due(now_ms() - start);
        wait_and_read(opened < options.count || until ? 1 : 50);
        if (!until && options.hold && now_ms() - start > options.spread + BEHIND_MS)
            fail("two minutes later, some readers still had no event");
        if (started == options.count && !until) {
            print_open();
            until = now_ms() + options.hold;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "usage: client PORT REQUEST MARK READERS AT_ONCE SPREAD_MS HOLD_MS\n");
        return 2;
    }
    options.port = atoi(argv[1]);
    options.request_size = strlen(options.request = argv[2]);
    options.mark_size = strlen(options.mark = argv[3]);
    options.count = atoi(argv[4]);
    options.at_once = atoi(argv[5]);
    options.spread = atof(argv[6]);
    options.hold = atof(argv[7]);
    options.loop = epoll_create1(0);
    readers = calloc(options.count, sizeof *readers);
    double start = now_ms();
    run(start);
    print_done(now_ms() - start, cpu_ms());
    while (getchar() != EOF)
        ;
    return 0;
}
