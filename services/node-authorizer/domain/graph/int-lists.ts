import { grown } from "./columns.ts";

const EXACT_LENGTHS = 32;

/**
 * Many short lists of integers in one typed array. A list is where it begins and how long it is; the owner remembers
 * both. Room that is released serves lists of about the same length.
 */
export class IntLists {
  #cells = new Int32Array(1024);
  #end = 0;
  /** Beginnings of released room, by its length. */
  readonly #free = new Map<number, number[]>();

  get bytes(): number {
    return this.#cells.byteLength;
  }

  /** @returns where the copy of the first `length` values begins; 0 for an empty list, which takes no room. */
  store(values: Int32Array, length: number): number {
    if (length === 0) return 0;
    const room = roomFor(length);
    const start = this.#free.get(room)?.pop() ?? this.#extend(room);
    for (let index = 0; index < length; index += 1) this.#cells[start + index] = values[index] as number;
    return start;
  }

  release(start: number, length: number): void {
    if (length === 0) return;
    const room = roomFor(length);
    const free = this.#free.get(room);
    if (free === undefined) this.#free.set(room, [start]);
    else free.push(start);
  }

  at(start: number, index: number): number {
    return this.#cells[start + index] as number;
  }

  #extend(room: number): number {
    const start = this.#end;
    this.#end += room;
    this.#cells = grown(this.#cells, this.#end);
    return start;
  }
}

/** Short lists fit exactly; of long ones, those of similar length share their room. */
function roomFor(length: number): number {
  return length <= EXACT_LENGTHS ? length : 2 ** Math.ceil(Math.log2(length));
}
