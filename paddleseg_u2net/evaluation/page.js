
"use strict";
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = head.closest("table").tBodies[0];
    const place = Number(head.dataset.place), first = head.dataset.first;
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    const sign = order === "ascending" ? 1 : -1;
    const compare = (one, two) => {
      const a = one.cells[place], b = two.cells[place];
      if (!("number" in a.dataset)) return sign * a.textContent.localeCompare(b.textContent);
      if (!a.dataset.number || !b.dataset.number) return !a.dataset.number - !b.dataset.number;
      const x = Number(a.dataset.number.replace("inf", "Infinity"));
      const y = Number(b.dataset.number.replace("inf", "Infinity"));
      return x === y ? 0 : sign * (x < y ? -1 : 1);
    };
    for (const cell of head.closest("thead").querySelectorAll("th")) {
      cell.removeAttribute("aria-sort");
    }
    head.setAttribute("aria-sort", order);
    body.append(...[...body.rows].sort(compare));
  });
}
