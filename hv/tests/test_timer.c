/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: when they fire, and what stopping one promises. */
#include <hv/timer.h>

#include <hv/time.h>

#include <criterion/criterion.h>
#include <threads.h>
#include <unistd.h>

#include "tests/host/fake.h"

static struct timer timer;
static unsigned fired;
static bool is_stopping, is_over, was_over;

TestSuite(timer, .init = fake_host_init);

static void count(void *data)
{
    (void)data;
    fired++;
}

Test(timer, fires_once_and_not_before_its_time)
{
    timer_init(&timer, count, NULL);
    timer_set(&timer, now_ns() + 10);
    timer_run();
    cr_assert_eq(fired, 0);
    fake_tsc += 10;
    timer_run();
    timer_run();
    cr_assert_eq(fired, 1);
}

Test(timer, is_stopped_from_another_cpu)
{
    timer_init(&timer, count, NULL);
    timer_set(&timer, now_ns());
    fake_cpu_use(1, NULL);
    timer_stop(&timer);
    fake_cpu_use(0, NULL);
    timer_run();
    cr_assert_eq(fired, 0);
}

static void stop_itself(void *data)
{
    timer_stop(data);
    fired++;
}

Test(timer, may_stop_itself)
{
    timer_init(&timer, stop_itself, &timer);
    timer_set(&timer, now_ns());
    timer_run();
    cr_assert_eq(fired, 1);
}

static int stopper(void *data)
{
    __atomic_store_n(&is_stopping, true, __ATOMIC_SEQ_CST);
    timer_stop(data);
    was_over = __atomic_load_n(&is_over, __ATOMIC_SEQ_CST);
    return 0;
}

/* While it runs on CPU 0, its vCPU sets the timer anew on CPU 1, and is stopped by CPU 2. */
static void overtaken(void *data)
{
    fake_cpu_use(1, NULL);
    timer_set(&timer, now_ns() + 1000);
    fake_cpu_use(2, NULL);
    cr_assert_eq(thrd_create(data, stopper, &timer), thrd_success);
    while (!__atomic_load_n(&is_stopping, __ATOMIC_SEQ_CST)) {
        usleep(1);
    }
    usleep(10000); /* for one that does not wait; one that waits is not hurried */
    __atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
}

Test(timer, stopping_waits_for_a_callback_that_was_overtaken)
{
    thrd_t thread;

    timer_init(&timer, overtaken, &thread);
    timer_set(&timer, now_ns());
    timer_run();
    thrd_join(thread, NULL);
    cr_assert(was_over, "the callback was still running");
    cr_assert_not(timer.is_queued);
}
