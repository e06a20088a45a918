/* Answers leave in the order of their requests. */
#include "net/conn/sendq.h"

#include <criterion/criterion.h>

#define REQUESTS 6

static struct sendq queue;
static struct request requests[REQUESTS];
static char bytes[REQUESTS][8];
static int finished[REQUESTS], finish_count, cancelled;

static const struct api_row pipelined = {.key = 0, .is_pipelined = true};
static const struct api_row serial = {.key = 1};

static void count_freed(struct request *request)
{
	finished[finish_count++] = (int)(request - requests);
}

static void count_cancel(struct request *request)
{
	(void)request;
	cancelled++;
}

static void set_up(void)
{
	sendq_init(&queue);
	for (int i = 0; i < REQUESTS; i++)
		requests[i] = (struct request){.api = &pipelined, .freed = count_freed, .cancel = count_cancel};
}

TestSuite(sendq, .init = set_up);

static void answer(int i, size_t size)
{
	requests[i].outcome = REQUEST_ANSWERED;
	requests[i].one_piece = (struct iovec){bytes[i], size};
	requests[i].pieces = &requests[i].one_piece;
	requests[i].piece_count = 1;
	requests[i].answer_size_bytes = size;
	sendq_completed(&queue, &requests[i]);
}

static void expect_gathered(const char *wanted, struct iovec *own, uint32_t own_max, uint64_t size_max)
{
	const struct iovec *vector;
	uint64_t size, sum = 0;
	uint32_t count = sendq_gather(&queue, &vector, own, own_max, size_max, &size);
	cr_assert_eq(count, strlen(wanted), "%u pieces instead of %s", count, wanted);
	for (uint32_t i = 0; i < count; i++) {
		cr_assert_eq(vector[i].iov_base, bytes[wanted[i] - '0']);
		sum += vector[i].iov_len;
	}
	cr_assert_eq(size, sum);
}

/* Completed in any order, sent in the order of arrival, as many as are known. */
Test(sendq, order_of_arrival)
{
	struct iovec own[8];
	for (int i = 0; i < 4; i++)
		sendq_push(&queue, &requests[i]);
	answer(2, 5);
	answer(1, 5);
	expect_gathered("", own, 8, 1000);
	answer(0, 5);
	cr_assert(sendq_has_several(&queue));
	expect_gathered("012", own, 8, 1000);
	answer(3, 5);
	cr_assert_eq(finish_count, 0);
	cr_assert_eq(queue.queued_bytes, 20);
	sendq_left(&queue);
	cr_assert_eq(finish_count, 3);
	cr_assert_eq(queue.queued_bytes, 5);
	expect_gathered("3", NULL, 0, 1000);
	sendq_left(&queue);
	cr_assert(sendq_is_empty(&queue));
	cr_assert_eq(queue.queued_bytes, 0);
}

/* A send has a size and a vector of bounded length, but takes one answer at least. */
Test(sendq, bounds_of_a_send)
{
	struct iovec own[2];
	for (int i = 0; i < 5; i++) {
		sendq_push(&queue, &requests[i]);
		answer(i, 8);
	}
	expect_gathered("01", own, 2, 1000);
	sendq_left(&queue);
	expect_gathered("2", own, 2, 1);
	sendq_left(&queue);
	expect_gathered("3", NULL, 0, 1000);
	sendq_left(&queue);
	struct iovec many[3] = {{bytes[4], 1}, {bytes[4], 1}, {bytes[4], 1}};
	requests[4].pieces = many;
	requests[4].piece_count = 3;
	requests[4].answer_size_bytes = 3;
	expect_gathered("444", own, 2, 1000);
}

/* acks=0 has no answer and is no obstacle. */
Test(sendq, silent_requests_vanish)
{
	struct iovec own[8];
	for (int i = 0; i < 4; i++)
		sendq_push(&queue, &requests[i]);
	answer(1, 5);
	answer(3, 5);
	for (int i = 0; i < 4; i += 2) {
		requests[i].outcome = REQUEST_SILENT;
		sendq_completed(&queue, &requests[i]);
	}
	expect_gathered("13", own, 8, 1000);
	cr_assert_eq(finish_count, 2);
	cr_assert_eq(finished[0], 0);
	cr_assert_eq(finished[1], 2);
	sendq_left(&queue);
	cr_assert(sendq_is_empty(&queue));
}

/* What came before a rejected request is still answered; then it is seen. */
Test(sendq, rejected_requests_end_the_line)
{
	struct iovec own[8];
	for (int i = 0; i < 3; i++)
		sendq_push(&queue, &requests[i]);
	requests[1].outcome = REQUEST_REJECTED;
	sendq_completed(&queue, &requests[1]);
	answer(2, 5);
	cr_assert_not(sendq_is_rejected(&queue));
	answer(0, 5);
	expect_gathered("0", own, 8, 1000);
	sendq_left(&queue);
	expect_gathered("", own, 8, 1000);
	cr_assert(sendq_is_rejected(&queue));
	sendq_abandon(&queue);
	cr_assert_eq(finish_count, 3);
}

/* Produces start behind produces; anything else alone, and alone before the next. */
Test(sendq, what_may_start)
{
	cr_assert(sendq_may_start(&queue, &serial));
	sendq_push(&queue, &requests[0]);
	cr_assert(sendq_may_start(&queue, &pipelined));
	cr_assert_not(sendq_may_start(&queue, &serial));
	sendq_push(&queue, &requests[1]);
	answer(1, 5);
	cr_assert_not(sendq_may_start(&queue, &serial), "the first is still open");
	answer(0, 5);
	cr_assert(sendq_may_start(&queue, &serial), "answered is enough: it need not have left");
	requests[2].api = &serial;
	sendq_push(&queue, &requests[2]);
	cr_assert_not(sendq_may_start(&queue, &pipelined));
	cr_assert_not(sendq_may_start(&queue, &serial));
}

/* An abandoned queue cancels what is open, and lets go of the rest. */
Test(sendq, abandon)
{
	for (int i = 0; i < 3; i++)
		sendq_push(&queue, &requests[i]);
	answer(1, 5);
	sendq_abandon(&queue);
	cr_assert_eq(cancelled, 2);
	cr_assert_eq(finish_count, 1);
	cr_assert_eq(finished[0], 1);
}
