/* Messages from many threads: each sender's in order, none lost, and a wake for each time the box was empty. */
#include "net/route/mailbox.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define SENDERS 3
#define MESSAGES 20000

struct letter {
	struct message message;
	int sender, number;
};

static struct mailbox mailbox;
static uint32_t wakes;

/* Oldest first; empty boxes are told. */
Test(mailbox, order_and_wakes)
{
	struct letter letters[3];
	for (int i = 0; i < 3; i++)
		cr_assert_eq(mailbox_post(&mailbox, &letters[i].message), i == 0);
	struct message *message = mailbox_take(&mailbox);
	for (int i = 0; i < 3; i++, message = message->next)
		cr_assert_eq(message, &letters[i].message);
	cr_assert_null(message);
	cr_assert_null(mailbox_take(&mailbox));
	cr_assert(mailbox_post(&mailbox, &letters[0].message), "it was empty again");
}

static void *send_all(void *argument)
{
	struct letter *letters = argument;
	for (int i = 0; i < MESSAGES; i++)
		if (mailbox_post(&mailbox, &letters[i].message))
			__atomic_fetch_add(&wakes, 1, __ATOMIC_RELAXED);
	return NULL;
}

static struct letter *make_letters(int sender)
{
	struct letter *letters = calloc(MESSAGES, sizeof *letters);
	cr_assert_not_null(letters);
	for (int i = 0; i < MESSAGES; i++)
		letters[i] = (struct letter){.sender = sender, .number = i};
	return letters;
}

/* With senders at work all the while, nothing is lost and no sender's letters change places. */
Test(mailbox, many_senders, .timeout = 60)
{
	pthread_t threads[SENDERS];
	struct letter *letters[SENDERS];
	int next[SENDERS] = {0}, left = SENDERS * MESSAGES;
	for (int i = 0; i < SENDERS; i++)
		letters[i] = make_letters(i);
	for (int i = 0; i < SENDERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, send_all, letters[i]), 0);
	while (left > 0) {
		struct message *message = mailbox_take(&mailbox);
		if (!message)
			sched_yield();
		for (; message; message = message->next, left--) {
			struct letter *letter = CONTAINER_OF(message, struct letter, message);
			cr_assert_eq(letter->number, next[letter->sender]++);
		}
	}
	for (int i = 0; i < SENDERS; i++) {
		pthread_join(threads[i], NULL);
		free(letters[i]);
	}
	cr_assert_geq(wakes, 1);
}
