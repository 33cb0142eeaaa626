"use strict";
// A click on a title sorts the table by its column, a second one the other way round.
for (const table of document.querySelectorAll("table.sortable")) {
  const titles = [...table.tHead.rows].at(-1).cells;
  [...titles].forEach((title, column) => {
    const button = document.createElement("button");
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      // Scores from the highest on, names from the first on.
      const down = title.getAttribute("aria-sort") === (column ? "descending" : "ascending");
      const direction = down === (column > 0) ? 1 : -1;
      for (const other of titles) other.removeAttribute("aria-sort");
      title.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      const said = (row) => row.cells[column].textContent;
      const body = table.tBodies[0];
      const compare = new Intl.Collator("en", { numeric: true }).compare;
      const order = (a, b) => {
        const [x, y] = [said(a), said(b)];
        if (column === 0) return direction * compare(x, y);
        if (x === "-" || y === "-") return (x === "-") - (y === "-");
        return direction * (Number(x) - Number(y));
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
