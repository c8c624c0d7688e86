#include "base/digits.h"

const char gw_digit_pairs[201] = "00010203040506070809"
                                 "10111213141516171819"
                                 "20212223242526272829"
                                 "30313233343536373839"
                                 "40414243444546474849"
                                 "50515253545556575859"
                                 "60616263646566676869"
                                 "70717273747576777879"
                                 "80818283848586878889"
                                 "90919293949596979899";

static int digit_count(uint64_t n)
{
    int count = 1;
    for (;;) {
        if (n < 10)
            return count;
        if (n < 100)
            return count + 1;
        if (n < 1000)
            return count + 2;
        if (n < 10000)
            return count + 3;
        n /= 10000;
        count += 4;
    }
}

char *gw_digits_put(char *to, uint64_t n)
{
    char *end = to + digit_count(n), *at = end;
    while (n >= 100) {
        at -= 2;
        gw_digits_put_2(at, (uint32_t)(n % 100));
        n /= 100;
    }
    if (n >= 10)
        gw_digits_put_2(at - 2, (uint32_t)n);
    else
        at[-1] = (char)('0' + n);
    return end;
}
