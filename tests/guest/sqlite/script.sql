-- SPDX-License-Identifier: BSD-2-Clause
create table sample (id integer primary key, name text, value real, grp integer);
with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000)
insert into sample select i, 'name-' || (i * 7919 % 100003), i * 0.37, i % 97 from n;
create index by_name on sample (name);
create index by_group on sample (grp, value);
select count(*), sum(value), min(name), max(name) from sample;
select grp, count(*), printf('%.6f', avg(value)) from sample group by grp order by avg(value) desc limit 7;
select a.name, b.name from sample a join sample b on b.id = a.id * 2 where a.name like 'name-12%' order by 1 limit 5;
begin;
update sample set value = value * 2 where grp = 13;
select round(sum(value), 3) from sample;
rollback;
select round(sum(value), 3) from sample;
delete from sample where id % 3 = 0;
vacuum;
select count(*), total(length(name)) from sample;
select hex(substr(group_concat(upper(name), '|'), 1, 40)) from (select name from sample order by name limit 10);
pragma integrity_check;
select json_extract('{"a": [1, 2, {"b": 3.5}]}', '$.a[2].b');
select no_such_column from sample;
