#include "text.h"

#include <stdlib.h>
#include <string.h>

// Digits of the greatest 64-bit number.
enum { DIGITS_MAX = 20, ROOM_FIRST = 4 };
// From here on not every whole number has a double of its own.
static const double EXACT_BELOW = 9.0e15;

void *tt_allocate(size_t count, size_t bytes) {
  void *block = calloc(count ? count : 1, bytes);
  if (!block) tt_stop("out of memory");
  return block;
}

void *tt_grown(void *items, size_t len, size_t item_bytes) {
  // Full exactly at four, eight, sixteen …: no capacity needs to be kept.
  if (len == 0) return tt_allocate(ROOM_FIRST, item_bytes);
  if (len < ROOM_FIRST || (len & (len - 1)) != 0) return items;
  void *more = tt_allocate(len, 2 * item_bytes);
  memcpy(more, items, len * item_bytes);
  return more;
}

bool tt_same(tt_text one, tt_text other) {
  return one.len == other.len && (one.len == 0 || memcmp(one.ptr, other.ptr, one.len) == 0);
}

tt_texts tt_texts_of(const tt_text *texts, size_t count) {
  tt_text *copy = tt_allocate(count, sizeof *copy);
  memcpy(copy, texts, count * sizeof *copy);
  return (tt_texts){copy, count};
}

tt_text tt_join_all(const tt_text *parts, size_t count) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) bytes += parts[i].len;
  tt_text whole = {tt_allocate(bytes, 1), 0};
  for (size_t i = 0; i < count; i++) {
    if (parts[i].len == 0) continue;
    memcpy(whole.ptr + whole.len, parts[i].ptr, parts[i].len);
    whole.len += parts[i].len;
  }
  return whole;
}

// Adds a number's digits, at least so many of them.
static void put_digits(tt_text *to, uint64_t number, unsigned least) {
  uint8_t digits[DIGITS_MAX];
  unsigned count = 0;
  do {
    digits[count++] = (uint8_t)('0' + number % 10);
    number /= 10;
  } while (number > 0 || count < least);
  while (count > 0) to->ptr[to->len++] = digits[--count];
}

tt_text tt_whole(int64_t value) {
  tt_text text = {tt_allocate(1 + DIGITS_MAX, 1), 0};
  if (value < 0) text.ptr[text.len++] = '-';
  put_digits(&text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);
  return text;
}

static void put_power_of_ten(tt_text *to, double magnitude) {
  unsigned exponent = 1;
  while (magnitude >= 100.0) {
    magnitude /= 10.0;
    exponent++;
  }
  unsigned digits = (unsigned)magnitude;
  put_digits(to, digits / 10, 1);
  to->ptr[to->len++] = '.';
  put_digits(to, digits % 10, 1);
  to->ptr[to->len++] = 'e';
  put_digits(to, exponent, 1);
}

tt_text tt_figure(double value) {
  if (value != value) return tt("nan");
  double magnitude = __builtin_fabs(value);
  if (magnitude > 1.7976931348623157e308) return tt(value < 0 ? "-inf" : "inf");
  // A sign, the digits, a point and three more.
  tt_text text = {tt_allocate(1 + DIGITS_MAX + 4, 1), 0};
  if (value < 0 && magnitude >= 0.0005) text.ptr[text.len++] = '-';
  if (magnitude >= EXACT_BELOW) {
    put_power_of_ten(&text, magnitude);
    return text;
  }
  // Whole and thousandths apart: the product of all of it by a thousand would leave the range of exact integers.
  uint64_t whole = (uint64_t)magnitude;
  uint64_t thousandths = (uint64_t)((magnitude - (double)whole) * 1000.0 + 0.5);
  put_digits(&text, whole + thousandths / 1000, 1);
  thousandths %= 1000;
  if (thousandths == 0) return text;
  text.ptr[text.len++] = '.';
  put_digits(&text, thousandths, 3);
  while (text.ptr[text.len - 1] == '0') text.len--;
  return text;
}

uint32_t tt_replicas(double wish) {
  if (!(wish > 0)) return 0;
  // Beyond any count, yet finite: the forgiven part of an infinite wish would make it no number.
  if (wish > 1e12) wish = 1e12;
  double count = __builtin_ceil(wish - (wish > 1.0 ? wish : 1.0) * 1e-9);
  if (!(count > 0)) return 0;
  return count >= 4294967295.0 ? UINT32_MAX : (uint32_t)count;
}
