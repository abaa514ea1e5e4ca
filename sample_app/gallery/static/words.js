/** The gallery's words, in each of its languages. The strategies keep the names that code has. */

const EN = {
  title: "Backpressure, live",
  heading: "A fast source, a slow reader",
  about:
    "Every card is a real stream with a buffer of 8 items. All have the same source. The overflow " +
    "strategy decides what happens when the reader can’t keep up: each square is one item. What has " +
    "left the buffer and is not with the reader yet is on the way, as in a network.",
  chat: "To the chat",
  source: "Source",
  reader: "Reader",
  perSecond: "items/s",
  stall: "Stall the reader",
  again: "Start again",
  sent: "sent",
  delivered: "delivered",
  waiting: "waiting",
  lost: "lost",
  held: "held for the reader",
  latest: "The latest items",
  nowWaiting: (count) => `${count} waiting`,
  onTheWay: (count) => `${count} on the way`,
  waits: "waits",
  ended: { overflow: "overflow", disconnect: "disconnect", shutdown: "shutdown", error: "error" },
  counters: "The counter, three ways",
  aboutCounters:
    "What a Java `SseEmitter`, a `Flowable` and a `Flux` stream: 0 to 9, on greenlets.",
  strategies: {
    block: "The source waits. Nothing is lost: right for a model’s answer.",
    buffer: "It is queued, up to 64 KiB here. Past that the stream ends with overflow.",
    drop: "What comes while there is no room is lost: what is delivered grows old.",
    latest: "One slot behind the buffer, for the newest. What it replaces is lost.",
    coalesce: "Latest with coalesce: what waits in the slot is merged. Nothing is lost.",
    error: "The first item without room ends the stream.",
    missing: "No buffer at all: a send returns when the reader has taken the item.",
  },
};

const ZH_HANS = {
  title: "背压实况",
  heading: "数据源很快，读取端很慢",
  about:
    "每张卡片都是一个真实的流，缓冲区可容纳 8 项，数据源都相同。读取端跟不上时会怎样，由溢出策略决定：" +
    "每个方块代表一项。已离开缓冲区但尚未到达读取端的数据处于“在途”状态，就像在网络中一样。",
  chat: "前往聊天页",
  source: "数据源",
  reader: "读取端",
  perSecond: "项/秒",
  stall: "暂停读取",
  again: "重新开始",
  sent: "已发送",
  delivered: "已送达",
  waiting: "等待中",
  lost: "已丢失",
  held: "为读取端保留",
  latest: "最近的数据项",
  nowWaiting: (count) => `${count} 项等待中`,
  onTheWay: (count) => `${count} 项在途`,
  waits: "等待",
  ended: { overflow: "已溢出", disconnect: "已断开", shutdown: "已关闭", error: "出错" },
  counters: "计数器的三种写法",
  aboutCounters: "与 Java 的 `SseEmitter`、`Flowable`、`Flux` 一样，从 0 数到 9，由 greenlet 运行。",
  strategies: {
    block: "数据源等待，不丢失任何内容：适合传送模型的回答。",
    buffer: "先排队，此处最多 64 KiB；超出后，流以 overflow 结束。",
    drop: "没有空位时到来的数据会丢失：送达的内容会越来越旧。",
    latest: "缓冲区之后还有一个位置，只留最新的一项；被它替换的会丢失。",
    coalesce: "latest 加 coalesce：在该位置等待的数据会合并，不丢失任何内容。",
    error: "遇到第一个放不下的数据项，流就结束。",
    missing: "完全没有缓冲区：读取端取走数据项后，send 才返回。",
  },
};

const ZH_HANT = {
  title: "背壓實況",
  heading: "資料來源很快，讀取端很慢",
  about:
    "每張卡片都是一個真實的串流，緩衝區可容納 8 筆，資料來源都相同。讀取端跟不上時會怎樣，由溢位策略決定：" +
    "每個方塊代表一筆資料。已離開緩衝區但尚未到達讀取端的資料處於「傳輸中」，就像在網路上一樣。",
  chat: "前往聊天頁",
  source: "資料來源",
  reader: "讀取端",
  perSecond: "筆/秒",
  stall: "暫停讀取",
  again: "重新開始",
  sent: "已送出",
  delivered: "已送達",
  waiting: "等待中",
  lost: "已遺失",
  held: "為讀取端保留",
  latest: "最近的資料",
  nowWaiting: (count) => `${count} 筆等待中`,
  onTheWay: (count) => `${count} 筆傳輸中`,
  waits: "等待",
  ended: { overflow: "已溢位", disconnect: "已斷線", shutdown: "已關閉", error: "發生錯誤" },
  counters: "計數器的三種寫法",
  aboutCounters: "與 Java 的 `SseEmitter`、`Flowable`、`Flux` 一樣，從 0 數到 9，由 greenlet 執行。",
  strategies: {
    block: "資料來源等待，不會遺失任何內容：適合傳送模型的回答。",
    buffer: "先排隊，此處上限為 64 KiB；超過後，串流以 overflow 結束。",
    drop: "沒有空位時到達的資料會遺失：送達的內容會越來越舊。",
    latest: "緩衝區之後還有一個位置，只保留最新的一筆；被取代的會遺失。",
    coalesce: "latest 加上 coalesce：在該位置等待的資料會合併，不會遺失任何內容。",
    error: "遇到第一筆放不下的資料，串流就結束。",
    missing: "完全沒有緩衝區：讀取端取走資料後，send 才會返回。",
  },
};

/** By the tags that `language()` returns. */
export const WORDS = { en: EN, "zh-Hans": ZH_HANS, "zh-Hant": ZH_HANT };
