#include "runtime/model/packed_cache.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "invar/kernels.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/checksum.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/interrupt.h"
#include "runtime/base/json.h"
#include "runtime/base/sha256.h"
#include "runtime/weights/gguf.h"
#include "runtime/weights/safetensors.h"

namespace invar {
namespace {

namespace fs = std::filesystem;

// Raised by whatever changes how weights are packed, or this file.
constexpr uint32_t kLayout = 1;
constexpr uint32_t kByteOrder = 0x01020304;
constexpr char kMagic[16] = "invar packed\r\n\x1a";
constexpr uint64_t kSummed = uint64_t{1} << 20;       // bytes to a checksum
constexpr uint64_t kAlignment = uint64_t{2} << 20;   // of the image in the file: a huge page's
constexpr uint64_t kLargestHeader = uint64_t{1} << 30;
constexpr size_t kMaxConfig = size_t{64} << 20;
constexpr size_t kReadBytes = size_t{1} << 18;       // stays in a core's own cache
constexpr size_t kHash = sizeof(Sha256::Digest);
// Clocks of file systems move in steps: what changes within the same step as before bears the same stamp.
constexpr int64_t kClockStep = 20'000'000;  // nanoseconds

// What a file begins with, before table, checksums and the hash of all that.
struct Start {
  char magic[16];
  uint32_t layout, byte_order;
  char place[kHash], key[kHash];
  uint64_t image_begin, image_bytes, table_bytes;
};
static_assert(sizeof(Start) == 112, "no padding, which would be written as it is found");

uint64_t Pieces(uint64_t bytes) { return (bytes + kSummed - 1) / kSummed; }

size_t PieceBytes(size_t i, uint64_t bytes) { return static_cast<size_t>(std::min(kSummed, bytes - i * kSummed)); }

uint64_t HeaderBytes(uint64_t table_bytes, uint64_t image_bytes) {
  return sizeof(Start) + table_bytes + Pieces(image_bytes) * sizeof(uint64_t) + kHash;
}

std::string HashText(const std::string& text) {
  Sha256 hash;
  hash.Update(text);
  const Sha256::Digest digest = hash.Finish();
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

// A part of a file's name that shows whose it is.
std::string Readable(const fs::path& path) {
  std::string name = path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
  name.resize(std::min<size_t>(name.size(), 64));
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!plain) c = '_';
  }
  return name.empty() || name.front() == '.' ? "model" + name : name;
}

// The files that fix the weights and how they are packed, with their stamps and config.json's bytes. Empty where that
// cannot be told. Waits until a change from now on must bear another stamp.
std::string Identity(const fs::path& path) {
  std::vector<fs::path> files;
  std::string text;
  if (const std::optional<fs::path> gguf = GgufPath(path)) {
    files.push_back(*gguf);
  } else {
    const SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint::Open(path);
    for (const SafetensorsFile& file : checkpoint.files()) files.emplace_back(file.source());
    const fs::path config = path / "config.json", index = path / "model.safetensors.index.json";
    text += "config " + HashText(ReadWholeFile(config, kMaxConfig)) + "\n";
    files.push_back(config);
    if (NameExists(index)) files.push_back(index);
  }
  int64_t last = 0;
  for (const fs::path& file : files) {
    const std::optional<FileStamp> stamp = StampOf(file);
    if (!stamp) return "";
    last = std::max(last, stamp->changed_ns);
    text += Quoted(file.filename().string()) + " " + std::to_string(stamp->size) + " " + std::to_string(stamp->inode) + " " +
            std::to_string(stamp->modified_ns) + " " + std::to_string(stamp->changed_ns) + "\n";
  }
  const int64_t age = FileClockNow() - last;
  if (age >= 0 && age < kClockStep) std::this_thread::sleep_for(std::chrono::nanoseconds(kClockStep - age));
  return files.empty() ? "" : text;
}

// The checksum of a piece is one of those of its parts, which are read one after the other.
class PieceSum {
 public:
  void Add(const void* part, size_t bytes) { parts_.push_back(Checksum(part, bytes)); }
  uint64_t Finish() const { return Checksum(parts_.data(), parts_.size() * sizeof(uint64_t)); }

 private:
  std::vector<uint64_t> parts_;
};

uint64_t SumOfMemory(const char* from, size_t bytes) {
  PieceSum sum;
  for (size_t at = 0; at < bytes; at += kReadBytes) sum.Add(from + at, std::min(kReadBytes, bytes - at));
  return sum.Finish();
}

uint64_t SumOfFile(const FileReader& file, uint64_t begin, size_t bytes) {
  PieceSum sum;
  std::vector<char> part(kReadBytes);
  for (size_t at = 0; at < bytes; at += kReadBytes) {
    const size_t count = std::min(kReadBytes, bytes - at);
    file.ReadAt(begin + at, count, part.data());
    sum.Add(part.data(), count);
  }
  return sum.Finish();
}

std::string KeyOf(const fs::path& path) {
  const std::string identity = Identity(path);
  return identity.empty() ? "" : HashText("panels of " + std::to_string(INVAR_PANEL) + "\n" + identity);
}

}  // namespace

PackedCache::PackedCache(const fs::path& path, const LoadOptions& options) : model_(path), note_(options.note) {
  std::error_code error;
  const fs::path place = fs::canonical(path, error);
  if (error) return;
  try {
    place_ = HashText(place.string());
    key_ = KeyOf(path);
  } catch (const Error&) {  // loading meets it, too
    key_.clear();
    return;
  }
  Sha256::Digest digest;
  std::memcpy(digest.data(), place_.data(), digest.size());
  file_ = options.packed_cache / (Readable(place) + "-" + Hex(digest).substr(0, 16) + ".packed");
  if (key_.empty()) Note("packed weights cannot be kept on this system, which does not tell when a file changed");
}

void PackedCache::Note(const std::string& text) const {
  if (note_) note_(text);
}

std::string PackedCache::Head(const std::string& table, uint64_t bytes) const {
  Start start = {};
  std::memcpy(start.magic, kMagic, sizeof(kMagic));
  start.layout = kLayout;
  start.byte_order = kByteOrder;
  std::memcpy(start.place, place_.data(), kHash);
  std::memcpy(start.key, key_.data(), kHash);
  start.image_begin = (HeaderBytes(table.size(), bytes) + kAlignment - 1) / kAlignment * kAlignment;
  start.image_bytes = bytes;
  start.table_bytes = table.size();
  return std::string(reinterpret_cast<const char*>(&start), sizeof(start)) + table;
}

std::optional<MappedFile> PackedCache::Map(const std::string& table, uint64_t bytes, ThreadPool& pool) const {
  std::error_code error;
  if (key_.empty() || bytes == 0 || bytes > SIZE_MAX || !fs::exists(fs::symlink_status(file_, error))) return std::nullopt;
  const auto refuse = [&](const std::string& why) {
    Note("the packed weights in " + file_.string() + " " + why + ", so the checkpoint is read and packed anew");
    return std::nullopt;
  };
  try {
    const std::shared_ptr<const FileReader> file = FileReader::Open(file_);
    if (OthersMayWrite(*file)) return refuse("could have been written by another user");
    const std::string head = Head(table, bytes);
    Start start, wanted;
    std::memcpy(&wanted, head.data(), sizeof(wanted));
    if (file->size() < sizeof(start)) return refuse("are cut short");
    file->ReadAt(0, sizeof(start), &start);
    if (std::memcmp(start.magic, wanted.magic, sizeof(start.magic)) != 0) return refuse("are no packed weights");
    if (start.layout != kLayout || start.byte_order != kByteOrder) return refuse("are of another release or another kind of machine");
    if (start.image_begin > kLargestHeader || start.table_bytes > kLargestHeader || start.image_bytes / kSummed > kLargestHeader / 8 ||
        HeaderBytes(start.table_bytes, start.image_bytes) > start.image_begin) {
      return refuse("are damaged");
    }
    if (file->size() != start.image_begin + start.image_bytes) return refuse("are cut short or have grown");
    std::string header(static_cast<size_t>(HeaderBytes(start.table_bytes, start.image_bytes)), '\0');
    file->ReadAt(0, header.size(), header.data());
    const size_t hashed = header.size() - kHash;
    if (HashText(header.substr(0, hashed)) != header.substr(hashed)) return refuse("are damaged");
    if (std::memcmp(start.place, wanted.place, kHash) != 0) return refuse("are of another checkpoint");
    if (header.compare(0, head.size(), head) != 0 || start.image_bytes != bytes) {
      return refuse("are of the checkpoint as it was before it changed");
    }

    // All is summed before it is used. Where the system does not say that a page can be read, it is read through a buffer:
    // what cannot be is an Error there, and the end of the process where it is touched.
    MappedFile mapped(*file, start.image_begin, static_cast<size_t>(bytes));
    const char* const image = static_cast<const char*>(mapped.data());
    std::vector<uint64_t> sums(static_cast<size_t>(Pieces(bytes)));
    std::memcpy(sums.data(), header.data() + head.size(), sums.size() * sizeof(uint64_t));
    std::vector<char> differs(sums.size());
    Team team(pool, pool.threads());
    team.For(sums.size(), [&](size_t i) {
      const uint64_t at = i * kSummed;
      const size_t count = PieceBytes(i, bytes);
      const uint64_t sum = mapped.Readable(at, count) ? SumOfMemory(image + at, count) : SumOfFile(*file, start.image_begin + at, count);
      differs[i] = sum != sums[i];
    });
    if (std::count(differs.begin(), differs.end(), 0) != static_cast<ptrdiff_t>(differs.size())) return refuse("are damaged");
    return mapped;
  } catch (const Error& e) {
    Note(std::string(e.what()) + "; the checkpoint is read and packed anew");
  }
  return std::nullopt;
}

void PackedCache::Write(const std::string& table, const void* image, uint64_t bytes, ThreadPool& pool) const {
  if (key_.empty() || bytes == 0) return;
  const char* const from = static_cast<const char*>(image);
  std::string header = Head(table, bytes);
  Start start;
  std::memcpy(&start, header.data(), sizeof(start));
  if (start.image_begin > kLargestHeader) return Note("packed weights of so many tensors cannot be kept; leave the packed cache out");
  std::vector<uint64_t> sums(static_cast<size_t>(Pieces(bytes)));
  {
    Team team(pool, pool.threads());
    team.For(sums.size(), [&](size_t i) { sums[i] = SumOfMemory(from + i * kSummed, PieceBytes(i, bytes)); });
  }
  header.append(reinterpret_cast<const char*>(sums.data()), sums.size() * sizeof(uint64_t));
  header += HashText(header);
  header.resize(static_cast<size_t>(start.image_begin));
  try {
    std::error_code ignored;  // what cannot be made cannot be written to
    fs::create_directory(file_.parent_path(), ignored);
    AtomicFile file(file_);
    file.Write(header);
    for (uint64_t at = 0; at < bytes; at += 16 * kSummed) {  // in pieces: an interrupt is noticed
      file.Write(from + at, static_cast<size_t>(std::min(16 * kSummed, bytes - at)));
    }
    if (KeyOf(model_) != key_) {
      return Note("the checkpoint " + model_.string() + " changed while it was loaded, so its packed weights are not kept; load it again");
    }
    file.Commit(false);  // checksums tell what a power cut leaves
    fs::permissions(file_, fs::perms::others_write, fs::perm_options::remove, ignored);  // or the next start would not trust it
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& e) {
    Note(std::string(e.what()) + "; the packed weights are not kept");
  }
}

}  // namespace invar
