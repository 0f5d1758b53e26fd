export const open = () => { throw new Error("soon"); };
