// One leaf of attention, the join of two nodes, and the root (contract, section 3, "Attention").
//
// Included by the generated attention file inside its namespace, after Chains, TileRows, StreamsOf and RunChains: the order of the
// operation is here, its tiles are there.

// x[r] = q[r][begin, end), at most a leaf's length, rows kRow apart.
HWY_INLINE void CopyRows(size_t rows, const float* q, ptrdiff_t q_stride, size_t begin, size_t end, float* x) {
  for (size_t r = 0; r < rows; ++r) memcpy(x + r * kRow, q + static_cast<ptrdiff_t>(r) * q_stride + begin, (end - begin) * sizeof(float));
}

// s = matmul(q, k) for `rows` query rows over `panels` panels of sixteen positions: matmul's tree over d, which for d <= 256 is one
// chain. x: where rows of q are copied to. `values` of the same positions come next, or null: not worth asking for. from_memory: as in
// Chains.
HWY_INLINE void Scores(size_t rows, size_t d, const float* q, ptrdiff_t q_stride, float* x, const float* keys, const float* values,
                       size_t panels, float* s, bool from_memory) {
  const MatmulTree tree = MatmulTreeOf(d);
  const size_t panel_stride = d * INVAR_PANEL;
  if (tree.leaves == 1) {
    CopyRows(rows, q, q_stride, 0, d, x);
    RunChains(rows, {d, x, keys, panel_stride, panels, s, kRow, true, values, panels * INVAR_PANEL, INVAR_LEAF * INVAR_PANEL, from_memory});
    return;
  }
  // A head wider than 256: rare, so through memory, one panel at a time.
  constexpr int kLevels = 20;
  HWY_ALIGN float kept[kLevels][kMaxRows * INVAR_PANEL];
  const DF df;
  for (size_t panel = 0; panel < panels; ++panel) {
    float* node = kept[0];
    for (size_t leaf = 0; leaf < tree.leaves; ++leaf) {
      const size_t begin = HWY_MIN(leaf * tree.leaf_length, d);
      const size_t end = HWY_MIN(begin + tree.leaf_length, d);
      int level = JoinsAfterLeaf(leaf);
      HWY_ALIGN float sums[kMaxRows * INVAR_PANEL];
      CopyRows(rows, q, q_stride, begin, end, x);
      RunChains(rows, {end - begin, x, keys + panel * panel_stride + begin * INVAR_PANEL, panel_stride, 1,
                       sums, INVAR_PANEL, true, nullptr, 0, 0, from_memory});
      for (int j = 0; j < level; ++j) {
        for (size_t i = 0; i < rows * INVAR_PANEL; i += hn::Lanes(df)) {
          hn::StoreU(hn::Add(hn::LoadU(df, kept[j] + i), hn::LoadU(df, sums + i)), df, sums + i);
        }
      }
      node = kept[level];
      memcpy(node, sums, rows * INVAR_PANEL * sizeof(float));
    }
    for (size_t r = 0; r < rows; ++r) {
      memcpy(s + r * kRow + panel * INVAR_PANEL, node + r * INVAR_PANEL, INVAR_PANEL * sizeof(float));
    }
  }
}

// Asks for what a tile of so many rows reads first of some panels: what lies before the lines that it asks for itself.
HWY_INLINE void AskForFirst(size_t rows, const float* w, size_t panels, size_t panel_stride) {
  const Streams streams = StreamsOf(rows);
  const size_t sets = (panels + streams.panels - 1) / streams.panels;
  for (size_t panel = 0; panel < panels; panel += sets) {
    for (size_t i = 0; i < streams.lines; ++i) PrefetchNear(w, panel * panel_stride + i * INVAR_PANEL);
  }
}

// `rows` query rows of one leaf, rows being a tile's.
HWY_INLINE void LeafTile(const invar_attention_leaf_args& a, size_t first, size_t rows) {
  const DF df;
  const size_t lanes = hn::Lanes(df);
  float* HWY_RESTRICT q = a.workspace;           // [rows][kRow]
  float* HWY_RESTRICT s = q + kMaxRows * kRow;   // [rows][kRow]: scores, then p
  float* HWY_RESTRICT o = s + kMaxRows * kRow;   // [rows][width]
  const size_t d_panels = (a.d + INVAR_PANEL - 1) / INVAR_PANEL;
  const size_t width = d_panels * INVAR_PANEL;

  size_t begin = INVAR_LEAF, end = 0;                 // seen by some row
  size_t common_begin = 0, common_end = INVAR_LEAF;   // seen by every row
  for (size_t r = 0; r < rows; ++r) {
    const size_t b = a.begin[first + r], e = a.end[first + r];
    common_begin = HWY_MAX(common_begin, b);
    common_end = HWY_MIN(common_end, e);
    if (b < e) {
      begin = HWY_MIN(begin, b);
      end = HWY_MAX(end, e);
    }
  }
  if (begin >= end) return;
  const size_t panel_begin = begin / INVAR_PANEL;
  const size_t panel_end = (end + INVAR_PANEL - 1) / INVAR_PANEL;
  // A whole leaf's keys or values are one stretch of memory.
  const bool whole = panel_end - panel_begin == INVAR_LEAF / INVAR_PANEL;
  const ptrdiff_t q_stride = static_cast<ptrdiff_t>(a.q_stride);
  Scores(rows, a.d, a.q + static_cast<ptrdiff_t>(first) * q_stride, q_stride, q, a.keys + panel_begin * a.d * INVAR_PANEL,
         whole || first > 0 ? nullptr : a.values + panel_begin * INVAR_PANEL * INVAR_PANEL, panel_end - panel_begin,
         s + panel_begin * INVAR_PANEL, first == 0);
  const size_t value_stride = INVAR_LEAF * INVAR_PANEL;
  if (whole && first == 0) AskForFirst(rows, a.values, d_panels, value_stride);  // while weights are computed

  for (size_t r = 0; r < rows; ++r) {
    const size_t b = a.begin[first + r], e = a.end[first + r];
    if (b >= e) continue;
    float* row = s + r * kRow;
    const float* bias = a.bias == nullptr ? nullptr : a.bias + static_cast<ptrdiff_t>(first + r) * a.bias_stride;
    for (size_t j = b / INVAR_PANEL * INVAR_PANEL; j < e; j += lanes) {
      VF v = hn::Mul(hn::LoadU(df, row + j), hn::Set(df, a.scale));
      if (bias != nullptr) v = hn::Add(v, hn::LoadU(df, bias + j));
      hn::StoreU(v, df, row + j);
    }
    const float m = RowMax(row + b, e - b);
    if (m < -0x1.fffffep127f) {  // -infinity: nothing to weigh by
      memset(row + b, 0, (e - b) * sizeof(float));
    } else {
      ExpMinus(m, e - b, row + b, row + b);
    }
    // Positions before the first seen: +0 added to a sum of p, which is never -0, changes nothing.
    memset(row, 0, b * sizeof(float));
    const float l = LanesSum(row, e);
    hn::StoreU(Canonical(df, hn::Set(df, m)), df, o);
    a.m[first + r] = o[0];
    hn::StoreU(Canonical(df, hn::Set(df, l)), df, o);
    a.l[first + r] = o[0];
  }

  // o: each row's chain over the positions it sees. What all rows see goes through the tile; a row's own beginning and
  // end (the causal diagonal, a window's edge) through a tile of one row, which continues the same chains.
  const float* const next = whole || first + rows < a.rows ? nullptr : a.next_keys;
  const bool together = rows > 1 && common_begin < common_end;
  const auto alone = [&](size_t r, size_t from, size_t to, bool fresh) {
    if (from < to) {
      RunChains(1, {to - from, s + r * kRow + from, a.values + from * INVAR_PANEL, value_stride, d_panels,
                    o + r * width, width, fresh, rows == 1 ? next : nullptr, SIZE_MAX, 0});
    }
  };
  if (together) {
    bool fresh = true;
    for (size_t r = 0; r < rows; ++r) fresh = fresh && a.begin[first + r] == common_begin;
    if (!fresh) {
      memset(o, 0, rows * width * sizeof(float));
      for (size_t r = 0; r < rows; ++r) alone(r, a.begin[first + r], common_begin, true);
    }
    RunChains(rows, {common_end - common_begin, s + common_begin, a.values + common_begin * INVAR_PANEL, value_stride, d_panels, o,
                     width, fresh, next, SIZE_MAX, 0, first == 0});
    for (size_t r = 0; r < rows; ++r) alone(r, common_end, a.end[first + r], false);
  } else {
    for (size_t r = 0; r < rows; ++r) alone(r, a.begin[first + r], a.end[first + r], true);
  }
  if (whole && first + rows == a.rows && a.next_keys != nullptr) {
    AskForFirst(TileRows(a.rows), a.next_keys, INVAR_LEAF / INVAR_PANEL, a.d * INVAR_PANEL);
  }
  for (size_t r = 0; r < rows; ++r) {
    if (a.begin[first + r] >= a.end[first + r]) continue;
    float* out = a.o + static_cast<ptrdiff_t>(first + r) * a.o_stride;
    for (size_t j = 0; j < a.d; j += lanes) {
      StoreFirst(df, Canonical(df, hn::LoadU(df, o + r * width + j)), out + j, a.d - j);
    }
  }
}

HWY_NOINLINE void AttentionLeaf(const invar_attention_leaf_args& a) {
  for (size_t first = 0; first < a.rows;) {
    const size_t rows = TileRows(a.rows - first);
    LeafTile(a, first, rows);
    first += rows;
  }
}

HWY_NOINLINE void AttentionMerge(const invar_attention_merge_args& a) {
  const DF d;
  const DH dh;
  const uint32_t nan_bits = 0x7FC00000u;
  float nan;
  memcpy(&nan, &nan_bits, sizeof(nan));
  for (uint64_t r = 0; r < a.rows; ++r) {
    if (a.flags != nullptr && a.flags[r] == 0) continue;
    float* left = a.o_left + static_cast<ptrdiff_t>(r) * a.o_stride;
    const float* right = a.o_right + static_cast<ptrdiff_t>(r) * a.o_stride;
    const float ml = a.m_left[r], mr = a.m_right[r];
    if (ml != ml || mr != mr) {
      a.m_left[r] = nan;
      a.l_left[r] = nan;
      for (uint64_t i = 0; i < a.d; ++i) left[i] = nan;
      continue;
    }
    // hi is the child with the greater m, the left when equal.
    const bool left_is_hi = ml >= mr;
    const float m_hi = left_is_hi ? ml : mr, m_lo = left_is_hi ? mr : ml;
    const float f = m_hi == m_lo ? 1.0f : hn::GetLane(Exp(hn::Set(dh, m_lo - m_hi)));
    const float l_hi = left_is_hi ? a.l_left[r] : a.l_right[r], l_lo = left_is_hi ? a.l_right[r] : a.l_left[r];
    a.m_left[r] = m_hi;
    a.l_left[r] =
        hn::GetLane(Canonical(d, Fma(d, hn::Set(d, l_lo), hn::Set(d, f), hn::Set(d, l_hi))));
    for (uint64_t i = 0; i < a.d; i += hn::Lanes(d)) {
      const VF x = LoadFirst(d, left + i, a.d - i), y = LoadFirst(d, right + i, a.d - i);
      const VF sum = left_is_hi ? Fma(d, y, hn::Set(d, f), x) : Fma(d, x, hn::Set(d, f), y);
      StoreFirst(d, Canonical(d, sum), left + i, a.d - i);
    }
  }
}

// y = o / l
HWY_NOINLINE void AttentionFinish(const invar_attention_finish_args& a) {
  const DF d;
  for (uint64_t r = 0; r < a.rows; ++r) {
    const VF l = hn::Set(d, a.l[r]);
    const float* o = a.o + static_cast<ptrdiff_t>(r) * a.o_stride;
    float* y = a.y + static_cast<ptrdiff_t>(r) * a.y_stride;
    for (uint64_t i = 0; i < a.d; i += hn::Lanes(d)) {
      StoreFirst(d, Canonical(d, Divide(d, LoadFirst(d, o + i, a.d - i), l)), y + i, a.d - i);
    }
  }
}
