// The name of an instrument from what it says of itself. A simulated one that says so in its name is tagged instead.

export const deviceName = (maker: string, model: string): string =>
  [maker, model]
    .map((part) => part.replace(/\s*\((simulé|simulated)\)/i, "").trim())
    .filter(Boolean)
    .join(" ");
