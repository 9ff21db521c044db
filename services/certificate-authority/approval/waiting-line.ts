/** Somebody in line. */
export interface Place {
  /** Its turn has come. */
  readonly start: () => void;
  readonly refuse: (error: Error) => void;
}

/** Two lanes, each first come, first served. */
export interface WaitingLine {
  readonly size: number;
  /** @returns what makes the place leave the line; nothing happens when its turn has come already. */
  join(place: Place, isSlowLane: boolean): () => void;
  /** Takes out whose turn it is. */
  next(): Place | undefined;
}

/** One turn in so many is the slow lane's while somebody stands in both. */
const SLOW_LANE_TURNS = 4;

/** Constant time on average, however long it is; what has left is not held on to. */
export function createWaitingLine(): WaitingLine {
  const fast = createLane();
  const slow = createLane();
  let turns = 0;
  return {
    get size() {
      return fast.size + slow.size;
    },
    join: (place, isSlowLane) => (isSlowLane ? slow : fast).join(place),
    next() {
      turns = (turns + 1) % SLOW_LANE_TURNS;
      return turns === 0 ? (slow.next() ?? fast.next()) : (fast.next() ?? slow.next());
    },
  };
}

interface Slot {
  place: Place | undefined;
}

function createLane() {
  let slots: Slot[] = [];
  let head = 0;
  let size = 0;

  /** Empties a slot; what it held, when it still held something. */
  function vacate(slot: Slot): Place | undefined {
    const { place } = slot;
    if (place !== undefined) size -= 1;
    slot.place = undefined;
    return place;
  }

  return {
    get size() {
      return size;
    },
    join(place: Place): () => void {
      const slot: Slot = { place };
      // Who leaves from the middle leaves an empty slot behind; most of them being empty, they are swept out.
      if (slots.length - head > 2 * size + 1024) {
        slots = slots.slice(head).filter((each) => each.place !== undefined);
        head = 0;
      }
      slots.push(slot);
      size += 1;
      return () => void vacate(slot);
    },
    next(): Place | undefined {
      while (head < slots.length) {
        const slot = slots[head++];
        if (head * 2 > slots.length) {
          slots = slots.slice(head);
          head = 0;
        }
        const place = slot && vacate(slot);
        if (place !== undefined) return place;
      }
      return undefined;
    },
  };
}
