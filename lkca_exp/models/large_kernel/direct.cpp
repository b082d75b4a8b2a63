// The convolution view in vectors of channels. direct.py compiles this file for one shape, by defining
//     HEIGHT, WIDTH   of the grid
//     SIDE            of the kernel
//     CHANNELS        of the tokens
//     LANES           channels in a vector, which divide CHANNELS
//     SUM             float or double: what is computed in
//     BFLOAT16        1 if tokens are bfloat16, 0 if they are SUM
// Tokens are (batch, HEIGHT, WIDTH, CHANNELS), weights (CHANNELS / LANES, SIDE, SIDE, LANES).
//
// A tile is TILE columns that are written and TILE that are read. The compiler knows where each of them lies: it keeps
// one side's tokens and all sums in registers, and nothing outside the grid is multiplied.

#include <algorithm>
#include <cstdint>
#include <cstring>

#define INLINE static inline __attribute__((always_inline))

constexpr int TILE = 8, REACH = SIDE / 2, TOKENS = HEIGHT * WIDTH, BLOCKS = CHANNELS / LANES;
constexpr long IN_L2 = std::max(512 / TOKENS, 1), IN_L1 = std::max(256 / TOKENS, 1);  // images, at 192 channels

typedef SUM Vector __attribute__((vector_size(LANES * sizeof(SUM))));

INLINE Vector get(const SUM* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

INLINE void put(SUM* to, Vector vector) { std::memcpy(to, &vector, sizeof vector); }

#if BFLOAT16
typedef uint16_t Token;
typedef uint16_t Halves __attribute__((vector_size(LANES * sizeof(uint16_t))));
typedef uint32_t Words __attribute__((vector_size(LANES * sizeof(uint32_t))));

INLINE Vector get(const Token* from) {
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  return (Vector)(__builtin_convertvector(halves, Words) << 16);
}

INLINE void put(Token* to, Vector vector) {  // rounded to the nearest, ties to even
  const Words bits = (Words)vector, nan = (Words)(vector != vector);
  const Words rounded = ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16 & ~nan) | (0x7fc0 & nan);
  const Halves halves = __builtin_convertvector(rounded, Halves);
  std::memcpy(to, &halves, sizeof halves);
}
#else
typedef SUM Token;
#endif

// One vector of channels of some images, in one piece.
INLINE void gather(const Token* tokens, SUM* gathered, long images) {
  for (long token = 0; token < images * TOKENS; token++) put(gathered + token * LANES, get(tokens + token * CHANNELS));
}

// Ask for a row of one vector of channels that is to be read soon, or written.
template <int WRITTEN = 0>
INLINE void fetch_row(const Token* row) {
  for (int column = 0; column < WIDTH; column++) __builtin_prefetch(row + column * CHANNELS, WRITTEN);
}

// `writes` columns from WRITE on and `reads` columns from READ on; the latter are ahead by `low` to `high`.
template <int WRITE, int READ>
struct Tile {
  static constexpr int writes = std::min(TILE, WIDTH - WRITE), reads = std::min(TILE, WIDTH - READ);
  static constexpr int low = std::max(READ - (WRITE + writes - 1), -REACH);
  static constexpr int high = std::min(READ + reads - 1 - WRITE, REACH);
};

// ---- Forward. With the kernel turned by 180 degrees it is the gradient to the tokens.

#if BFLOAT16
constexpr int STRIDE = LANES;  // converted once, and not for each row that reads them
INLINE const SUM* readable(const Token* image, SUM* scratch) {
  gather(image, scratch, 1);
  return scratch;
}
#else
constexpr int STRIDE = CHANNELS;
INLINE const SUM* readable(const Token* image, SUM*) { return image; }
#endif

template <int WRITE, int READ = 0>
INLINE void add_row(const SUM* row, const SUM* weights, Vector* sums) {
  if constexpr (READ < WIDTH) {
    using T = Tile<WRITE, READ>;
    if constexpr (T::low <= T::high) {
      Vector tokens[T::reads];
#pragma GCC unroll 8
      for (int j = 0; j < T::reads; j++) tokens[j] = get(row + (READ + j) * STRIDE);
#pragma GCC unroll 16
      for (int ahead = T::low; ahead <= T::high; ahead++) {
        const Vector weight = get(weights + (ahead + REACH) * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < T::writes; i++) {
          const int j = WRITE + i + ahead - READ;
          if (j >= 0 && j < T::reads) sums[i] += weight * tokens[j];
        }
      }
    }
    add_row<WRITE, READ + TILE>(row, weights, sums);
  }
}

template <int WRITE = 0>
INLINE void mix_row(const SUM* image, const SUM* weights, Token* mixed, int row) {
  if constexpr (WRITE < WIDTH) {
    Vector sums[TILE] = {};
    for (int r = std::max(row - REACH, 0); r <= std::min(row + REACH, HEIGHT - 1); r++)
      add_row<WRITE>(image + r * WIDTH * STRIDE, weights + (r - row + REACH) * SIDE * LANES, sums);
#pragma GCC unroll 8
    for (int i = 0; i < Tile<WRITE, 0>::writes; i++) put(mixed + (row * WIDTH + WRITE + i) * CHANNELS, sums[i]);
    mix_row<WRITE + TILE>(image, weights, mixed, row);
  }
}

extern "C" void mix(const Token* tokens, const SUM* weights, Token* mixed, long batch, int threads) {
#pragma omp parallel for collapse(2) num_threads(threads)
  for (long start = 0; start < batch; start += IN_L2)
    for (int block = 0; block < BLOCKS; block++)
      for (long image = start; image < std::min(batch, start + IN_L2); image++) {
        const long offset = image * TOKENS * CHANNELS + block * LANES;
        alignas(64) SUM scratch[TOKENS * LANES];
        const SUM* read = readable(tokens + offset, scratch);
        const long next = image + 1 < batch ? offset + TOKENS * CHANNELS : offset;
        for (int row = 0; row < HEIGHT; row++) {
          fetch_row(tokens + next + row * WIDTH * CHANNELS);
          fetch_row<1>(mixed + next + row * WIDTH * CHANNELS);
          mix_row(read, weights + block * SIDE * SIDE * LANES, mixed + offset, row);
        }
      }
}

// ---- The gradient to the weights

// On the way, the images to come are asked for: each row once, when it meets the middle row, or one as near as it does.
template <int WRITE = 0, int READ = 0>
INLINE void add_gradient(const SUM* upstream, const SUM* tokens, SUM* gradient, long images, const Token* next_upstream,
                         const Token* next_tokens) {
  if constexpr (WRITE < WIDTH) {
    using T = Tile<WRITE, READ>;
    if constexpr (T::low <= T::high) {
      for (int down = std::max(-REACH, 1 - HEIGHT); down <= std::min(REACH, HEIGHT - 1); down++) {
        SUM* row = gradient + ((down + REACH) * SIDE + T::low + REACH) * LANES;
        Vector sums[T::high - T::low + 1];
#pragma GCC unroll 16
        for (int k = 0; k <= T::high - T::low; k++) sums[k] = get(row + k * LANES);
        for (long image = 0; image < images; image++)
          for (int i = std::max(0, -down); i < std::min(HEIGHT, HEIGHT - down); i++) {
            if (WRITE == 0 && READ == 0 && down == std::clamp(HEIGHT / 2 - i, -REACH, REACH)) {
              fetch_row(next_upstream + (image * HEIGHT + i) * WIDTH * CHANNELS);
              fetch_row(next_tokens + (image * HEIGHT + i) * WIDTH * CHANNELS);
            }
            const SUM* read = tokens + ((image * HEIGHT + i + down) * WIDTH + READ) * LANES;
            const SUM* written = upstream + ((image * HEIGHT + i) * WIDTH + WRITE) * LANES;
            Vector reads[T::reads];
#pragma GCC unroll 8
            for (int k = 0; k < T::reads; k++) reads[k] = get(read + k * LANES);
#pragma GCC unroll 8
            for (int w = 0; w < T::writes; w++) {
              const Vector write = get(written + w * LANES);
#pragma GCC unroll 8
              for (int k = 0; k < T::reads; k++) {
                const int ahead = READ + k - WRITE - w;
                if (ahead >= T::low && ahead <= T::high) sums[ahead - T::low] += write * reads[k];
              }
            }
          }
#pragma GCC unroll 16
        for (int k = 0; k <= T::high - T::low; k++) put(row + k * LANES, sums[k]);
      }
    }
    constexpr bool last = READ + TILE >= WIDTH;
    add_gradient<last ? WRITE + TILE : WRITE, last ? 0 : READ + TILE>(upstream, tokens, gradient, images, next_upstream,
                                                                      next_tokens);
  }
}

// Of each part of `images` images: (parts, CHANNELS / LANES, SIDE, SIDE, LANES).
extern "C" void gradient(const Token* upstream, const Token* tokens, SUM* gradients, long batch, long images,
                         int threads) {
#pragma omp parallel for collapse(2) num_threads(threads)
  for (long start = 0; start < batch; start += images)
    for (int block = 0; block < BLOCKS; block++) {
      alignas(64) SUM written[IN_L1 * TOKENS * LANES], read[IN_L1 * TOKENS * LANES];
      SUM* gradient = gradients + (start / images * BLOCKS + block) * SIDE * SIDE * LANES;
      std::fill_n(gradient, SIDE * SIDE * LANES, SUM(0));
      const long end = std::min(batch, start + images);
      for (long image = start; image < end; image += IN_L1) {
        const long some = std::min(IN_L1, end - image), offset = image * TOKENS * CHANNELS + block * LANES;
        gather(upstream + offset, written, some);
        gather(tokens + offset, read, some);
        const long next = image + 2 * IN_L1 <= end ? offset + IN_L1 * TOKENS * CHANNELS : offset;
        add_gradient(written, read, gradient, some, upstream + next, tokens + next);
      }
    }
}
