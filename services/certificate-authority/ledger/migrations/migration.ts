/** One step of the schema. Once released, neither its name nor its SQL may change: both are recorded in the file. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}
